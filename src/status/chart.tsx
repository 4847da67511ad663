import type { Trend } from '../observability/status-stats.ts';
import { percent, rate } from './format.ts';

/** One point of a chart: seconds ago, and the value; undefined leaves a gap. */
interface Point {
  readonly ago: number;
  readonly value: number | undefined;
}

interface Series {
  readonly name: 'total' | 'part' | 'errors';
  readonly points: readonly Point[];
}

interface ChartProps {
  readonly title: string;
  readonly unit: string;
  /** The current value as text. */
  readonly now: string;
  readonly top: number;
  readonly topLabel: string;
  readonly series: readonly Series[];
  /** The text alternative for screen readers. */
  readonly summary: string;
}

const WIDTH = 360;
const HEIGHT = 72;
const HOUR_SECONDS = 3_600;
/** Steps per point, to smooth out noise. */
const STEPS_A_POINT = 3;

const place = (number: number) => String(Math.round(number * 10) / 10);

/** SVG paths of the line and the area below it; a gap in the values is a gap in both. */
function paths(points: readonly Point[], top: number): { line: string; area: string } {
  const lines: string[] = [];
  const areas: string[] = [];
  let run: string[] = [];
  let from = 0;
  let to = 0;
  const end = () => {
    if (run.length > 0) {
      lines.push(`M${run.join('L')}`);
      areas.push(`M${place(from)},${HEIGHT}L${run.join('L')}L${place(to)},${HEIGHT}Z`);
    }
    run = [];
  };
  for (const { ago, value } of points) {
    if (value === undefined) {
      end();
      continue;
    }
    const x = WIDTH * (1 - ago / HOUR_SECONDS);
    const y = HEIGHT - (Math.min(value, top) / top) * (HEIGHT - 2);
    if (run.length === 0) from = x;
    to = x;
    run.push(`${place(x)},${place(y)}`);
  }
  end();
  return { line: lines.join(''), area: areas.join('') };
}

function Chart({ title, unit, now, top, topLabel, series, summary }: ChartProps) {
  return (
    <figure class="chart">
      <figcaption>
        <span class="chart-title">{title}</span>
        <span class="chart-now">
          {now} <small>{unit}</small>
        </span>
      </figcaption>
      <div class="plot">
        <span class="chart-top" aria-hidden="true">
          {topLabel}
        </span>
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={summary}>
          <path class="grid" d={`M0,${HEIGHT / 2}H${WIDTH}M0,2H${WIDTH}`} />
          {series.map(({ name, points }) => {
            const { line, area } = paths(points, top);
            return (
              <g class={name}>
                <path class="area" d={area} />
                <path class="line" d={line} />
              </g>
            );
          })}
          <path class="base" d={`M0,${HEIGHT - 0.5}H${WIDTH}`} />
        </svg>
      </div>
      <p class="axis" aria-hidden="true">
        <span>1 h ago</span>
        <span>30 min</span>
        <span>now</span>
      </p>
    </figure>
  );
}

/** The next round number, for the top of a scale. */
function niceTop(highest: number): number {
  if (highest <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(highest));
  return ([1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((step) => highest <= step * power) ?? 10) * power;
}

interface Bin {
  readonly ago: number;
  readonly seconds: number;
  readonly sums: Readonly<Record<Counter, number>>;
}
type Counter = 'requests' | 'lookups' | 'hits' | 'errors' | 'upstreamCalls';
const COUNTERS: readonly Counter[] = ['requests', 'lookups', 'hits', 'errors', 'upstreamCalls'];

/** Groups steps into points, counted back from the newest step, so that only the last point still changes. */
function bins(trend: Trend): readonly Bin[] {
  const { stepMs, runningMs } = trend;
  const steps = trend.requests.length;
  const made: Bin[] = [];
  for (let end = steps; end > 0; end -= STEPS_A_POINT) {
    const start = Math.max(0, end - STEPS_A_POINT);
    const sums = { requests: 0, lookups: 0, hits: 0, errors: 0, upstreamCalls: 0 };
    for (const counter of COUNTERS)
      for (const value of trend[counter].slice(start, end)) sums[counter] += value;
    const isLast = end === steps;
    const ms = (end - start) * stepMs - (isLast ? stepMs - runningMs : 0);
    const ago = isLast ? 0 : ((steps - end - 1) * stepMs + runningMs) / 1_000;
    made.push({ ago, seconds: Math.max(1, ms / 1_000), sums });
  }
  return made.reverse();
}

const highest = (of: readonly Point[]) => Math.max(0, ...of.map(({ value }) => value ?? 0));

/** A chart of rates; the text summarizes the first series. */
function RateChart({
  title,
  unit,
  series,
  more = '',
}: Pick<ChartProps, 'title' | 'unit'> & {
  readonly series: readonly [Series, ...Series[]];
  /** An additional sentence of the summary. */
  readonly more?: string;
}) {
  const [{ points }] = series;
  const top = niceTop(highest(points));
  const now = rate(points.at(-1)?.value ?? 0);
  return (
    <Chart
      title={title}
      unit={unit}
      now={now}
      top={top}
      topLabel={rate(top)}
      series={series}
      summary={`${title} ${unit} over the last hour: ${now} now, ${rate(highest(points))} at most.${more}`}
    />
  );
}

/** Charts of the last hour. */
export function Trends({ trend }: { readonly trend: Trend }) {
  const points = bins(trend);
  const series = (value: (bin: Bin) => number | undefined): readonly Point[] =>
    points.map((bin) => ({ ago: bin.ago, value: value(bin) }));
  const all = (counter: Counter) => points.reduce((sum, { sums }) => sum + sums[counter], 0);

  const requests = series(({ sums, seconds }) => sums.requests / seconds);
  const errors = series(({ sums, seconds }) => sums.errors / seconds);
  const ratio = series(({ sums }) => (sums.lookups === 0 ? undefined : sums.hits / sums.lookups));
  const upstream = series(({ sums, seconds }) => (60 * sums.upstreamCalls) / seconds);
  const hourRatio = percent(all('hits'), all('lookups'));
  return (
    <div class="charts">
      <RateChart
        title="Requests"
        unit="per second"
        series={[
          { name: 'total', points: requests },
          { name: 'errors', points: errors },
        ]}
        more={` ${all('errors')} answered with an error of 500 or above.`}
      />
      <Chart
        title="Served from memory"
        unit="this hour"
        now={hourRatio}
        top={1}
        topLabel="100 %"
        series={[{ name: 'part', points: ratio }]}
        summary={`Share of list requests served from memory: ${hourRatio} over the last hour.`}
      />
      <RateChart title="Requests to Atlas" unit="per minute" series={[{ name: 'total', points: upstream }]} />
    </div>
  );
}
