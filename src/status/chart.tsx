import { duration } from './format.ts';

/** One point of a chart: seconds ago, and the value; undefined leaves a gap. */
export interface Point {
  readonly ago: number;
  readonly value: number | undefined;
}

export interface Series {
  /** Decides the colour. */
  readonly kind: 'total' | 'part' | 'errors';
  /** As the legend calls it. */
  readonly name: string;
  readonly points: readonly Point[];
}

export interface ChartProps {
  readonly title: string;
  readonly unit: string;
  /** The current value as text. */
  readonly now: string;
  /** The seconds that the chart covers. */
  readonly range: number;
  readonly top: number;
  readonly topLabel: string;
  /** All with points at the same times. */
  readonly series: readonly [Series, ...Series[]];
  /** A value of a series as text. */
  readonly format: (value: number) => string;
  /** The text alternative for screen readers. */
  readonly summary: string;
}

const WIDTH = 360;
const HEIGHT = 72;
const SINGLE_POINT_WIDTH = 4;

const place = (number: number) => String(Math.round(number * 10) / 10);
const xOf = (ago: number, range: number) => WIDTH * (1 - ago / range);

/** SVG paths of the line and the area below it; a gap in the values is a gap in both. */
function paths(points: readonly Point[], { top, range }: ChartProps): { line: string; area: string } {
  const lines: string[] = [];
  const areas: string[] = [];
  let run: string[] = [];
  let from = 0;
  let to = 0;
  let height = 0;
  const end = () => {
    // A line of one point would not be visible.
    if (run.length === 1) run.unshift(`${place(from - SINGLE_POINT_WIDTH)},${place(height)}`);
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
    const x = xOf(ago, range);
    const y = HEIGHT - (Math.min(value, top) / top) * (HEIGHT - 2);
    if (run.length === 0) from = x;
    to = x;
    height = y;
    run.push(`${place(x)},${place(y)}`);
  }
  end();
  return { line: lines.join(''), area: areas.join('') };
}

/** The values at each point in words, with the position from 0 at the left to `WIDTH`. */
function readings({ series, range, format }: ChartProps): readonly (readonly [string, string])[] {
  return series[0].points.map(({ ago }, index) => {
    const values = series.map(({ name, points }) => {
      const value = points[index]?.value;
      return `${name} ${value === undefined ? '–' : format(value)}`;
    });
    const when = ago < 1 ? 'now' : `${duration(ago)} ago`;
    return [place(xOf(ago, range)), `${when}: ${values.join(', ')}`];
  });
}

/** A line chart. The script shows the values at a point under the pointer, or chosen with the arrow keys. */
export function Chart(props: ChartProps) {
  const { title, unit, now, topLabel, series, summary } = props;
  const points = readings(props);
  return (
    <figure class="chart">
      <figcaption>
        <span class="chart-title">{title}</span>
        <span class="chart-now">
          {now} <small>{unit}</small>
        </span>
      </figcaption>
      <div
        class="plot"
        tabIndex={0}
        role="slider"
        aria-label={summary}
        aria-valuemin={0}
        aria-valuemax={Math.max(0, points.length - 1)}
        aria-valuenow={Math.max(0, points.length - 1)}
        aria-valuetext={points.at(-1)?.[1] ?? 'no values'}
        data-points={JSON.stringify(points)}
      >
        <span class="chart-top" aria-hidden="true">
          {topLabel}
        </span>
        <Plot {...props} />
      </div>
      <Axis range={props.range} />
      <ul class="legend">
        {series.map(({ kind, name }) => (
          <li class={kind}>{name}</li>
        ))}
      </ul>
      <p class="reading" aria-hidden="true" />
    </figure>
  );
}

function Plot(props: ChartProps) {
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <path class="grid" d={`M0,${HEIGHT / 2}H${WIDTH}M0,2H${WIDTH}`} />
      {props.series.map(({ kind, points }) => {
        const { line, area } = paths(points, props);
        return (
          <g class={kind}>
            <path class="area" d={area} />
            <path class="line" d={line} />
          </g>
        );
      })}
      <path class="base" d={`M0,${HEIGHT - 0.5}H${WIDTH}`} />
      <path class="cursor" d="" />
    </svg>
  );
}

function Axis({ range }: { readonly range: number }) {
  return (
    <p class="axis" aria-hidden="true">
      <span>{duration(range)} ago</span>
      <span>{duration(range / 2)}</span>
      <span>now</span>
    </p>
  );
}
