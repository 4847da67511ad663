import { createSeeded } from './seeded.ts';
import { type Latency, type ListRule, type WeatherSettings, weatherSchema } from './weather-settings.ts';

/** The list that a request reads. `project` is absent for lists above projects. */
export interface WeatherPlace {
  readonly operation: string;
  readonly project: string | undefined;
}

/** What Atlas does instead of answering with the page. */
export type Trouble =
  | { readonly type: 'hang' }
  | {
      readonly type: 'error';
      readonly status: number;
      readonly errorCode: string;
      readonly retryAfterSeconds?: number;
    };

/** How the simulated Atlas behaves at present: latency, failures, list sizes and changes. Reproducible by its seed. */
export interface Weather {
  readonly settings: WeatherSettings;
  change(settings: WeatherSettings): void;
  /** The rules of a list, merged. The same object until the weather changes. */
  rulesOf(place: WeatherPlace): ListRule;
  /** Draws the time until a page of this many items is answered. */
  latencyMs(place: WeatherPlace, itemsOnPage: number): number;
  /** Draws whether a request fails; undefined: it is answered. */
  trouble(place: WeatherPlace, request: { readonly counts: boolean }): Trouble | undefined;
  /** A reproducible fraction from 0 to 1. */
  fraction(): number;
}

/** No latency, no failures, lists that do not change. */
export const CALM_WEATHER: WeatherSettings = weatherSchema.parse({});

/** The longest latency, in terms of the 99th percentile, and the shortest, in terms of the median. */
const LONGEST = 1.5;
const SHORTEST = 0.6;

/** The latency at a quantile from 0 to 1: logarithmic between the known percentiles. */
export function latencyAt({ medianMs, p90Ms, p99Ms }: Latency, quantile: number): number {
  if (medianMs === p99Ms) return medianMs;
  const points = [
    [0, medianMs * SHORTEST],
    [0.5, medianMs],
    [0.9, p90Ms],
    [0.99, p99Ms],
    [1, p99Ms * LONGEST],
  ] as const;
  const above = points.findIndex(([at]) => at > quantile);
  const [from, low] = points[above - 1] ?? points[0];
  const [to, high] = points[above] ?? points[4];
  const floor = Math.max(low, 1);
  return floor * (Math.max(high, 1) / floor) ** ((quantile - from) / (to - from));
}

const applies = ({ operation, project }: ListRule, place: WeatherPlace) =>
  (operation === undefined || operation === place.operation) &&
  (project === undefined || project === place.project);

const MAX_MERGED = 20_000;

export function createWeather(atStart: WeatherSettings): Weather {
  let settings = atStart;
  let fraction = createSeeded(settings.seed);
  const merged = new Map<string, ListRule>();

  function rulesOf(place: WeatherPlace): ListRule {
    const key = `${place.operation} ${place.project}`;
    const known = merged.get(key);
    if (known !== undefined) return known;
    const rules: ListRule = Object.assign({}, ...settings.lists.filter((rule) => applies(rule, place)));
    if (merged.size >= MAX_MERGED) merged.clear();
    merged.set(key, rules);
    return rules;
  }

  return {
    get settings() {
      return settings;
    },
    change(next) {
      settings = next;
      fraction = createSeeded(next.seed);
      merged.clear();
    },
    rulesOf,
    latencyMs(place, itemsOnPage) {
      const { latency } = rulesOf(place);
      return latency === undefined
        ? 0
        : latencyAt(latency, fraction()) + (latency.perThousandItemsMs * itemsOnPage) / 1_000;
    },
    trouble(place, { counts }) {
      const { hangs, status, errorCode = 'UNEXPECTED_ERROR', countTimesOut } = rulesOf(place);
      if (hangs === true) return { type: 'hang' };
      if (status !== undefined) return { type: 'error', status, errorCode };
      if (countTimesOut === true && counts)
        return { type: 'error', status: 500, errorCode: 'TIMEOUT_WHILE_PAGING' };
      const { errors, rateLimits } = settings;
      const drawn = fraction();
      if (drawn < rateLimits.rate)
        return {
          type: 'error',
          status: 429,
          errorCode: 'RATE_LIMITED',
          retryAfterSeconds: Math.ceil(rateLimits.retryAfter / 1_000),
        };
      return drawn < rateLimits.rate + errors.rate
        ? { type: 'error', status: errors.status, errorCode: 'UNEXPECTED_ERROR' }
        : undefined;
    },
    fraction: () => fraction(),
  };
}
