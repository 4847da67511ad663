import type { Trend } from '../observability/status-stats.ts';
import { Chart, type Point, type Series } from './chart.tsx';
import { duration, percent, rate } from './format.ts';
import { type Bin, binsOf, niceTop, rangeOf } from './trend-points.ts';

const highest = (of: readonly Point[]) => Math.max(0, ...of.map(({ value }) => value ?? 0));
const pointsOf = (bins: readonly Bin[], value: (bin: Bin) => number | undefined): readonly Point[] =>
  bins.map((bin) => ({ ago: bin.ago, value: value(bin) }));
const sumOf = (bins: readonly Bin[], counter: keyof Bin['sums']) =>
  bins.reduce((sum, { sums }) => sum + sums[counter], 0);

/** Charts of the last hour, or of the time since the start if that is shorter. */
export function Trends({ trend }: { readonly trend: Trend }) {
  const bins = binsOf(trend);
  return (
    <div class="charts">
      <Requests bins={bins} />
      <FromMemory bins={bins} />
      <UpstreamCalls bins={bins} />
    </div>
  );
}

interface RateChartProps {
  readonly title: string;
  readonly unit: string;
  readonly range: number;
  readonly series: readonly [Series, ...Series[]];
  /** An additional sentence of the summary. */
  readonly more?: string;
}

/** A chart of rates; the text summarizes the first series. */
function RateChart({ title, unit, range, series, more = '' }: RateChartProps) {
  const [{ points }] = series;
  const top = niceTop(highest(points));
  const now = rate(points.at(-1)?.value ?? 0);
  return (
    <Chart
      title={title}
      unit={unit}
      now={now}
      range={range}
      top={top}
      topLabel={rate(top)}
      series={series}
      format={rate}
      summary={`${title} ${unit} over the last ${duration(range)}: ${now} now, ${rate(highest(points))} at most.${more}`}
    />
  );
}

interface BinsProps {
  readonly bins: readonly Bin[];
}

function Requests({ bins }: BinsProps) {
  return (
    <RateChart
      title="Requests"
      unit="per second"
      range={rangeOf(bins)}
      series={[
        {
          kind: 'total',
          name: 'all',
          points: pointsOf(bins, ({ sums, seconds }) => sums.requests / seconds),
        },
        {
          kind: 'errors',
          name: 'failed',
          points: pointsOf(bins, ({ sums, seconds }) => sums.errors / seconds),
        },
      ]}
      more={` ${sumOf(bins, 'errors')} answered with an error of 500 or above.`}
    />
  );
}

function FromMemory({ bins }: BinsProps) {
  const range = rangeOf(bins);
  const whole = percent(sumOf(bins, 'hits'), sumOf(bins, 'lookups'));
  const points = pointsOf(bins, ({ sums }) => (sums.lookups === 0 ? undefined : sums.hits / sums.lookups));
  return (
    <Chart
      title="Served from memory"
      unit={`in ${duration(range)}`}
      now={whole}
      range={range}
      top={1}
      topLabel="100 %"
      series={[{ kind: 'part', name: 'from memory', points }]}
      format={(value) => percent(value, 1)}
      summary={`Share of reads served from memory: ${whole} over the last ${duration(range)}.`}
    />
  );
}

function UpstreamCalls({ bins }: BinsProps) {
  const points = pointsOf(bins, ({ sums, seconds }) => (60 * sums.upstreamCalls) / seconds);
  return (
    <RateChart
      title="Requests to Atlas"
      unit="per minute"
      range={rangeOf(bins)}
      series={[{ kind: 'total', name: 'to Atlas', points }]}
    />
  );
}
