import { Histogram, type HistogramConfiguration, type MetricValueWithName } from 'prom-client';
import type { CacheOutcome, RequestCompletedEvent } from '../gateway/events.ts';

/** How often something happened. */
interface Count {
  readonly labels: { operation: string; caller: string; code: string; cache: string };
  count: number;
}

/** How long something took: a count for each bucket, not yet added up, and one for what is longer than all. */
interface Durations {
  readonly labels: { operation: string; cache: string };
  readonly counts: number[];
  sum: number;
}

/** The `operation` and `caller` of a request for which none was found: labels never come from a request. */
const NONE = 'none';

/** What is under a key, made where there is nothing yet. */
function under<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

/**
 * Requests counted in plain numbers, which Prometheus's client is given when it asks: labelling each observation costs as much as the rest
 * of an answer from memory. `bounds` are the upper bounds of the buckets in seconds, ascending.
 */
export function createRequestMetrics(bounds: readonly number[]) {
  const counts = new Map<string, Map<string, Map<CacheOutcome, Map<number, Count>>>>();
  const durations = new Map<string, Map<CacheOutcome, Durations>>();
  return {
    add({ operation = NONE, caller = NONE, cache, status, durationMs }: RequestCompletedEvent): void {
      const byCaller = under(counts, operation, () => new Map());
      const byCache = under(byCaller, caller, () => new Map());
      const byStatus = under(byCache, cache, () => new Map());
      const labels = { operation, caller, code: String(status), cache };
      under(byStatus, status, (): Count => ({ labels, count: 0 })).count++;
      const ofOperation = under(durations, operation, () => new Map());
      const taken = under(
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
      taken.counts[bucket] = (taken.counts[bucket] ?? 0) + 1;
      taken.sum += seconds;
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

/** A histogram of what was counted elsewhere, in the form Prometheus's client gives its own. */
export class RequestHistogram extends Histogram<Label> {
  readonly #read: () => Iterable<Durations>;
  readonly #told: { name: string; help: string; bounds: readonly number[] };

  constructor(configuration: HistogramConfiguration<Label>, read: () => Iterable<Durations>) {
    super(configuration);
    const { name, help, buckets = [] } = configuration;
    this.#told = { name, help, bounds: buckets };
    this.#read = read;
  }

  /** What both a scrape and `get` read; the declarations do not name it. */
  async getForPromString() {
    const { name, help, bounds } = this.#told;
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
