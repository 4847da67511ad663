import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type CacheDirectives,
  type CachedCandidate,
  decide,
  decideCold,
  NO_DIRECTIVES,
} from '../../src/cache/decide.ts';
import { freshnessWindow } from '../../src/cache/freshness.ts';

const LOADED_AT = 1_000_000;
/** Fresh for 30 s, then stale while revalidating until 90 s, then stale if error until 330 s. */
const WINDOW = freshnessWindow(LOADED_AT, {
  freshMs: 30_000,
  staleWhileRevalidateMs: 60_000,
  staleIfErrorMs: 300_000,
});
const CANDIDATE: CachedCandidate = {
  window: WINDOW,
  kind: 'value',
  softPurged: false,
  superseded: false,
  freshnessFactor: 1,
  coolingUntil: 0,
};
const COOLING = { coolingUntil: LOADED_AT + 3_600_000 };
const NO_CACHE = { noCache: true };
const IF_CACHED = { onlyIfCached: true };
const ANY_AGE = { maxStaleMs: Number.MAX_SAFE_INTEGER };

/** The decision about an entry of this age in seconds, in short. */
function outcome(
  candidate: Partial<CachedCandidate>,
  directives: Partial<CacheDirectives>,
  ageSeconds: number,
): string {
  const now = LOADED_AT + ageSeconds * 1_000;
  const decision = decide({ ...CANDIDATE, ...candidate }, { ...NO_DIRECTIVES, ...directives }, now);
  switch (decision.type) {
    case 'serve':
      return decision.extended ? 'serve stretched' : 'serve';
    case 'revalidate':
    case 'not-cached':
      return decision.type;
    case 'cool-down':
      return decision.fallback === undefined ? 'fail' : 'serve while cooling down';
    case 'load':
      return `${decision.forced ? 'forced ' : ''}load ${decision.forwarded}${decision.fallback === undefined ? '' : ' or fallback'}`;
  }
}

describe('the decision about a cached entry', () => {
  test.each<[age: number, Partial<CacheDirectives>, Partial<CachedCandidate>, string]>([
    // Without directives: by freshness alone.
    [0, {}, {}, 'serve'],
    [29, {}, {}, 'serve'],
    [30, {}, {}, 'revalidate'],
    [89, {}, {}, 'revalidate'],
    [90, {}, {}, 'load stale or fallback'],
    [329, {}, {}, 'load stale or fallback'],
    [330, {}, {}, 'load miss'],
    // no-cache.
    [10, NO_CACHE, {}, 'forced load request or fallback'],
    [40, NO_CACHE, {}, 'forced load stale or fallback'],
    [100, NO_CACHE, {}, 'forced load stale or fallback'],
    [330, NO_CACHE, {}, 'forced load miss'],
    // max-age accepts nothing older, and nothing stale.
    [10, { maxAgeMs: 10_000 }, {}, 'serve'],
    [11, { maxAgeMs: 10_000 }, {}, 'forced load request or fallback'],
    [34, { maxAgeMs: 10_000 }, {}, 'forced load stale or fallback'],
    [34, { maxAgeMs: 60_000 }, {}, 'forced load stale or fallback'],
    [100, { maxAgeMs: 60_000 }, {}, 'load stale or fallback'],
    // max-stale limits staleness, also during stale-while-revalidate, and extends it beyond.
    [20, { maxStaleMs: 0 }, {}, 'serve'],
    [34, { maxStaleMs: 1_000 }, {}, 'forced load stale or fallback'],
    [34, { maxStaleMs: 4_000 }, {}, 'revalidate'],
    [34, ANY_AGE, {}, 'revalidate'],
    [100, { maxStaleMs: 80_000 }, {}, 'revalidate'],
    [329, ANY_AGE, {}, 'revalidate'],
    [330, ANY_AGE, {}, 'load miss'],
    // Both: each limits on its own.
    [34, { maxAgeMs: 60_000, maxStaleMs: 10_000 }, {}, 'revalidate'],
    [34, { maxAgeMs: 10_000, maxStaleMs: 60_000 }, {}, 'forced load stale or fallback'],
    // only-if-cached never loads.
    [20, IF_CACHED, {}, 'serve'],
    [40, IF_CACHED, {}, 'revalidate'],
    [100, IF_CACHED, {}, 'not-cached'],
    [400, IF_CACHED, {}, 'not-cached'],
    [100, { ...IF_CACHED, ...ANY_AGE }, {}, 'revalidate'],
    [20, { ...IF_CACHED, ...NO_CACHE }, {}, 'not-cached'],
    [34, { ...IF_CACHED, maxAgeMs: 10_000 }, {}, 'not-cached'],
    // A soft purge ends freshness.
    [10, {}, { softPurged: true }, 'revalidate'],
    [10, { maxAgeMs: 20_000 }, { softPurged: true }, 'forced load stale or fallback'],
    [100, {}, { softPurged: true }, 'load stale or fallback'],
    // A page of an earlier generation is only served on error.
    [10, {}, { superseded: true }, 'load stale or fallback'],
    [40, {}, { superseded: true }, 'load stale or fallback'],
    [10, {}, { superseded: true, freshnessFactor: 4 }, 'load stale or fallback'],
    [10, {}, { superseded: true, ...COOLING }, 'serve while cooling down'],
    [10, IF_CACHED, { superseded: true }, 'not-cached'],
    [330, {}, { superseded: true }, 'load miss'],
    // A low rate limit extends freshness, at most to the end of stale-while-revalidate.
    [10, {}, { freshnessFactor: 4 }, 'serve'],
    [59, {}, { freshnessFactor: 2 }, 'serve stretched'],
    [60, {}, { freshnessFactor: 2 }, 'revalidate'],
    [89, {}, { freshnessFactor: 4 }, 'serve stretched'],
    [90, {}, { freshnessFactor: 4 }, 'load stale or fallback'],
    [50, { maxStaleMs: 0 }, { freshnessFactor: 2 }, 'serve stretched'],
    [10, {}, { freshnessFactor: 4, softPurged: true }, 'revalidate'],
    // A refusal is served while it is fresh, and never after.
    [10, {}, { kind: 'refusal' }, 'serve'],
    [30, {}, { kind: 'refusal' }, 'load miss'],
    [30, ANY_AGE, { kind: 'refusal' }, 'load miss'],
    [30, {}, { kind: 'refusal', freshnessFactor: 4 }, 'load miss'],
    [10, {}, { kind: 'refusal', softPurged: true }, 'load miss'],
    [30, IF_CACHED, { kind: 'refusal' }, 'not-cached'],
    // While the list cools down no load begins, whatever the directives say.
    [10, {}, COOLING, 'serve'],
    [40, {}, COOLING, 'serve while cooling down'],
    [100, {}, COOLING, 'serve while cooling down'],
    [10, NO_CACHE, COOLING, 'serve while cooling down'],
    [34, { maxStaleMs: 1_000 }, COOLING, 'serve while cooling down'],
    [330, {}, COOLING, 'fail'],
    [40, {}, { coolingUntil: LOADED_AT + 40_000 }, 'revalidate'],
    [100, IF_CACHED, COOLING, 'not-cached'],
  ])('at %i s with %j, %j: %s', (age, directives, candidate, expected) => {
    expect(outcome(candidate, directives, age)).toBe(expected);
  });

  test.each([
    [20, {}, 10],
    [34, {}, -4],
    [34, { softPurged: true }, -4],
    [20, { softPurged: true }, 0],
    [50, { freshnessFactor: 2 }, 10],
    [70, { freshnessFactor: 2 }, -40],
  ])('at %i s with %j it is served with %i s left', (age, candidate, ttlSeconds) => {
    const now = LOADED_AT + age * 1_000;
    const decision = decide({ ...CANDIDATE, ...candidate }, NO_DIRECTIVES, now);
    const window = 'window' in decision ? decision.window : undefined;
    expect((window?.freshUntil ?? Number.NaN) - now).toBe(ttlSeconds * 1_000);
  });

  test('directives only ever add loads: nothing is served that would not be served without them, unless max-stale allows it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 400 }),
        fc.record({ noCache: fc.boolean(), onlyIfCached: fc.boolean() }),
        fc.option(fc.integer({ min: 0, max: 400_000 })),
        fc.boolean(),
        (age, flags, maxAgeMs, softPurged) => {
          const directives = { ...flags, ...(maxAgeMs === null ? {} : { maxAgeMs }) };
          const served = (outcomeText: string) => ['serve', 'revalidate'].includes(outcomeText);
          if (served(outcome({ softPurged }, directives, age)))
            expect(served(outcome({ softPurged }, {}, age))).toBe(true);
        },
      ),
    );
  });
});

describe('the decision without an entry', () => {
  test.each<[coolingUntil: number, Partial<CacheDirectives>, ReturnType<typeof decideCold>]>([
    [0, {}, { type: 'load', forwarded: 'miss', forced: false, fallback: undefined }],
    [0, NO_CACHE, { type: 'load', forwarded: 'miss', forced: true, fallback: undefined }],
    [0, { maxAgeMs: 1_000 }, { type: 'load', forwarded: 'miss', forced: false, fallback: undefined }],
    [0, IF_CACHED, { type: 'not-cached' }],
    [100, {}, { type: 'load', forwarded: 'miss', forced: false, fallback: undefined }],
    [101, {}, { type: 'cool-down', fallback: undefined }],
    [101, NO_CACHE, { type: 'cool-down', fallback: undefined }],
    [101, IF_CACHED, { type: 'not-cached' }],
  ])('cooling until %i, with %j', (coolingUntil, directives, decision) => {
    expect(decideCold(coolingUntil, { ...NO_DIRECTIVES, ...directives }, 100)).toEqual(decision);
  });
});
