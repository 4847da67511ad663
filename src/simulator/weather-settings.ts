import { z } from 'zod';
import { parseDuration, parseSize } from '../lib/units.ts';

/** Latency of a response: a distribution, and time in proportion to the items on the page. */
export interface Latency {
  readonly medianMs: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly perThousandItemsMs: number;
}

const constantLatency = (ms: number): Latency => ({
  medianMs: ms,
  p90Ms: ms,
  p99Ms: ms,
  perThousandItemsMs: 0,
});

const NO_LATENCY = constantLatency(0);
/** Measured against Atlas from one region; the time per item is [inferred] from lists that take seconds. */
const REAL_LATENCY: Latency = { medianMs: 90, p90Ms: 165, p99Ms: 700, perThousandItemsMs: 200 };

const MAX_ITEMS = 1_000_000;
const MAX_PROJECTS = 10_000;

const show = (value: unknown) => JSON.stringify(value) ?? 'nothing';

const duration = (example: string) => {
  const invalid = {
    error: ({ input }: { input?: unknown }) => `${show(input)} is not a valid duration; use e.g. ${example}`,
  };
  return z
    .string(invalid)
    .refine((text) => parseDuration(text) !== undefined, invalid)
    .transform((text) => parseDuration(text) ?? 0);
};

const size = () => {
  const invalid = {
    error: ({ input }: { input?: unknown }) => `${show(input)} is not a valid size; use e.g. 20KiB`,
  };
  return z
    .string(invalid)
    .refine((text) => parseSize(text) !== undefined, invalid)
    .transform((text) => parseSize(text) ?? 0);
};

const number = (what: string, least: number, most: number) => {
  const invalid = {
    error: ({ input }: { input?: unknown }) =>
      `${show(input)} is not a valid ${what}; write a number from ${least} to ${most}`,
  };
  return z.number(invalid).min(least, invalid).max(most, invalid);
};

const count = (most: number) => {
  const invalid = {
    error: ({ input }: { input?: unknown }) =>
      `${show(input)} is not a valid number; write a whole number from 0 to ${most}`,
  };
  return z.int(invalid).min(0, invalid).max(most, invalid);
};

const choice = <const Names extends readonly [string, ...string[]]>(names: Names) =>
  z.enum(names, { error: ({ input }) => `${show(input)} is not known; use ${names.join(' or ')}` });

const text = z.string({ error: ({ input }) => `${show(input)} is not text; put the value in quotes` });
const rate = () => number('rate', 0, 1);
const perSecond = () => number('rate per second', 0, 1_000).default(0);
const status = () => number('error status', 400, 599);

const latency = z
  .union(
    [
      z.literal('real').transform(() => REAL_LATENCY),
      z.literal('none').transform(() => NO_LATENCY),
      duration('300ms').transform(constantLatency),
      z
        .strictObject({
          median: duration('90ms'),
          p90: duration('165ms').optional(),
          p99: duration('700ms').optional(),
          perThousandItems: duration('200ms').default(0),
        })
        .transform(({ median, p90 = median, p99 = p90, perThousandItems }) => ({
          medianMs: median,
          p90Ms: p90,
          p99Ms: p99,
          perThousandItemsMs: perThousandItems,
        })),
    ],
    {
      error: ({ input }) =>
        `${show(input)} is not a valid latency; write real, none, a duration such as 300ms, or { median: 90ms, p90: 165ms, p99: 700ms, perThousandItems: 200ms }`,
    },
  )
  .refine(({ medianMs, p90Ms, p99Ms }) => medianMs <= p90Ms && p90Ms <= p99Ms, {
    error: 'percentiles must not decrease; write median, p90 and p99 in rising order',
  });

const churn = z.strictObject({
  creates: perSecond(),
  deletes: perSecond(),
  /** One create and one delete at the same moment, so that the count stays the same. */
  pairs: perSecond(),
  at: choice(['start', 'end', 'anywhere']).default('anywhere'),
});

const listRule = z.strictObject({
  project: text.optional(),
  operation: text.optional(),
  items: count(MAX_ITEMS).optional(),
  itemBytes: size().optional(),
  latency: latency.optional(),
  churn: churn.optional(),
  status: status().optional(),
  errorCode: text.optional(),
  hangs: z.boolean({ error: 'write true or false, without quotes' }).optional(),
  countTimesOut: z.boolean({ error: 'write true or false, without quotes' }).optional(),
});

const own = z.strictObject({
  preset: choice(['calm', 'real', 'storm']).default('calm'),
  seed: count(0xffff_ffff).default(1),
  projects: count(MAX_PROJECTS).default(0),
  latency: latency.optional(),
  errors: z.strictObject({ rate: rate(), status: status().default(503) }).optional(),
  rateLimits: z.strictObject({ rate: rate(), retryAfter: duration('1s').default(1_000) }).optional(),
  churn: churn.optional(),
  lists: z
    .array(listRule, { error: 'must be a list; write each rule on its own line, after a dash' })
    .default([]),
});

/** Creates and deletes per second, and where new items appear. */
export type Churn = z.output<typeof churn>;
/** What applies to the lists of a project, of an operation, or both; absent: to all. */
export type ListRule = z.output<typeof listRule>;
/** How the simulated Atlas behaves. */
export interface WeatherSettings {
  readonly seed: number;
  /** Projects in addition to the sample ones. */
  readonly projects: number;
  readonly errors: { readonly rate: number; readonly status: number };
  readonly rateLimits: { readonly rate: number; readonly retryAfter: number };
  /** Of several rules for one list, the later ones take precedence, setting by setting. */
  readonly lists: readonly ListRule[];
}

interface Preset extends Pick<WeatherSettings, 'errors' | 'rateLimits'> {
  readonly latency: Latency;
  readonly churn: Churn;
}

/** A list that does not change. */
export const NO_CHURN: Churn = { creates: 0, deletes: 0, pairs: 0, at: 'anywhere' };
const CALM: Preset = {
  latency: NO_LATENCY,
  errors: { rate: 0, status: 503 },
  rateLimits: { rate: 0, retryAfter: 1_000 },
  churn: NO_CHURN,
};
const PRESETS: Readonly<Record<z.output<typeof own>['preset'], Preset>> = {
  calm: CALM,
  real: { ...CALM, latency: REAL_LATENCY },
  storm: {
    latency: REAL_LATENCY,
    errors: { rate: 0.02, status: 503 },
    rateLimits: { rate: 0.03, retryAfter: 1_000 },
    churn: { ...NO_CHURN, pairs: 1 },
  },
};

/** The weather of a YAML file or of the control interface. Settings take precedence over those of the preset. */
export const weatherSchema = own.transform(
  ({ preset, seed, projects, lists, ...settings }): WeatherSettings => {
    const base = PRESETS[preset];
    const { latency: all = base.latency, churn: allChurn = base.churn } = settings;
    return {
      seed,
      projects,
      errors: settings.errors ?? base.errors,
      rateLimits: settings.rateLimits ?? base.rateLimits,
      lists: [{ latency: all, churn: allChurn }, ...lists],
    };
  },
);

/** The names that are allowed at a place of the weather, for suggestions. */
export const WEATHER_NAMES: readonly string[] = [own, listRule, churn].flatMap(({ shape }) =>
  Object.keys(shape),
);
