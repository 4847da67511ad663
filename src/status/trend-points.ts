import type { Trend } from '../observability/status-stats.ts';

/** Sums of the counters of a trend over a few seconds. */
export interface Bin {
  /** Seconds between the end of the bin and now. */
  readonly ago: number;
  readonly seconds: number;
  readonly sums: Readonly<Record<Counter, number>>;
}
type Counter = 'requests' | 'lookups' | 'hits' | 'errors' | 'upstreamCalls';
const COUNTERS: readonly Counter[] = ['requests', 'lookups', 'hits', 'errors', 'upstreamCalls'];

/** Steps per bin, to smooth out noise. */
const STEPS_A_BIN = 3;

/** Groups steps into bins, counted back from the newest step, so that only the last one still changes. Oldest first. */
export function binsOf(trend: Trend): readonly Bin[] {
  const { stepMs, runningMs } = trend;
  const steps = trend.requests.length;
  const bins: Bin[] = [];
  for (let end = steps; end > 0; end -= STEPS_A_BIN) {
    const start = Math.max(0, end - STEPS_A_BIN);
    const sums = { requests: 0, lookups: 0, hits: 0, errors: 0, upstreamCalls: 0 };
    for (const counter of COUNTERS)
      for (const value of trend[counter].slice(start, end)) sums[counter] += value;
    const isLast = end === steps;
    const ms = (end - start) * stepMs - (isLast ? stepMs - runningMs : 0);
    const ago = isLast ? 0 : ((steps - end - 1) * stepMs + runningMs) / 1_000;
    bins.push({ ago, seconds: Math.max(1, ms / 1_000), sums });
  }
  return bins.reverse();
}

/** The seconds that a chart of the bins covers: as many whole minutes as there are data for, but at least one. */
export const rangeOf = (bins: readonly Bin[]): number =>
  60 * Math.max(1, Math.ceil((bins[0]?.ago ?? 0) / 60));

/** The next round number, for the top of a scale. */
export function niceTop(highest: number): number {
  if (highest <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(highest));
  return ([1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((step) => highest <= step * power) ?? 10) * power;
}
