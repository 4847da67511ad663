import { Histogram, type HistogramConfiguration, type MetricValueWithName } from 'prom-client';
import type { CacheOutcome, RequestCompletedEvent } from '../gateway/events.ts';

/** A counter with its labels. */
interface Count {
  readonly labels: { operation: string; caller: string; code: string; cache: string };
  count: number;
}

/** A histogram: one non-cumulative count per bucket, the last of them for `+Inf`. */
interface Durations {
  readonly labels: { operation: string; cache: string };
  readonly counts: number[];
  sum: number;
}

/** The `operation` and `caller` of a request without one: label values never come from the request itself. */
const NONE = 'none';

/** Returns the value of a key, creating it where it is absent. */
function getOrCreate<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

/**
 * Counts requests in plain numbers that prom-client reads at scrape time: labelling each observation through prom-client costs as much as
 * the rest of a cache hit. `bounds` are the upper bounds of the buckets in seconds, ascending.
 */
export function createRequestMetrics(bounds: readonly number[]) {
  const counts = new Map<string, Map<string, Map<CacheOutcome, Map<number, Count>>>>();
  const durations = new Map<string, Map<CacheOutcome, Durations>>();
  return {
    add({ operation = NONE, caller = NONE, cache, status, durationMs }: RequestCompletedEvent): void {
      const byCaller = getOrCreate(counts, operation, () => new Map());
      const byCache = getOrCreate(byCaller, caller, () => new Map());
      const byStatus = getOrCreate(byCache, cache, () => new Map());
      const labels = { operation, caller, code: String(status), cache };
      getOrCreate(byStatus, status, (): Count => ({ labels, count: 0 })).count++;
      const ofOperation = getOrCreate(durations, operation, () => new Map());
      const histogram = getOrCreate(
        ofOperation,
        cache,
        (): Durations => ({
          labels: { operation, cache },
          counts: Array.from({ length: bounds.length + 1 }, () => 0),
          sum: 0,
        }),
      );
      const seconds = durationMs / 1_000;
      let bucket = 0;
      while (bucket < bounds.length && seconds > (bounds[bucket] ?? 0)) bucket++;
      histogram.counts[bucket] = (histogram.counts[bucket] ?? 0) + 1;
      histogram.sum += seconds;
    },
    *requests(): Iterable<Count> {
      for (const byCaller of counts.values())
        for (const byCache of byCaller.values())
          for (const byStatus of byCache.values()) yield* byStatus.values();
    },
    *durations(): Iterable<Durations> {
      for (const byCache of durations.values()) yield* byCache.values();
    },
  };
}

type Label = 'operation' | 'cache' | 'le';

/** Exposes durations that were counted elsewhere as a prom-client histogram. */
export class RequestHistogram extends Histogram<Label> {
  readonly #read: () => Iterable<Durations>;
  readonly #metric: { name: string; help: string; bounds: readonly number[] };

  constructor(configuration: HistogramConfiguration<Label>, read: () => Iterable<Durations>) {
    super(configuration);
    const { name, help, buckets = [] } = configuration;
    this.#metric = { name, help, bounds: buckets };
    this.#read = read;
  }

  /** Called by a scrape and by `get`; prom-client's type declarations omit it. */
  async getForPromString() {
    const { name, help, bounds } = this.#metric;
    const values: MetricValueWithName<Label>[] = [];
    for (const { labels, counts, sum } of this.#read()) {
      let count = 0;
      for (const [index, here] of counts.entries()) {
        count += here;
        const le = bounds[index] ?? '+Inf';
        values.push({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: count });
      }
      values.push({ metricName: `${name}_sum`, labels, value: sum });
      values.push({ metricName: `${name}_count`, labels, value: count });
    }
    return { name, help, type: 'histogram', values, aggregator: 'sum' };
  }
}
