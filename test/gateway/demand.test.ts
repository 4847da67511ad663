import { describe, expect, test } from 'vitest';
import { type Demand, NO_DEMAND } from '../../src/cache/list-cache.ts';
import { readDemand } from '../../src/gateway/demand.ts';

const ANY_AGE = Number.MAX_SAFE_INTEGER;
const NO_CACHE = { noCache: true };

describe('what Cache-Control demands', () => {
  test.each<[title: string, cacheControl: string, demand: Partial<Demand>]>([
    ['nothing', '', {}],
    ['no-cache', 'no-cache', NO_CACHE],
    ['only-if-cached', 'only-if-cached', { onlyIfCached: true }],
    ['an age', 'max-age=60', { maxAgeMs: 60_000 }],
    ['an age, quoted', 'max-age="60"', { maxAgeMs: 60_000 }],
    ['no age at all, as browsers say no-cache', 'max-age=0', NO_CACHE],
    ['staleness', 'max-stale=30', { maxStaleMs: 30_000 }],
    ['any staleness', 'max-stale', { maxStaleMs: ANY_AGE }],
    ['no staleness', 'max-stale=0', { maxStaleMs: 0 }],
    ['several, in any case and spacing', 'Max-Age=5 ,  MAX-STALE=9', { maxAgeMs: 5_000, maxStaleMs: 9_000 }],
    ['two that exclude each other', 'no-cache, only-if-cached', { noCache: true, onlyIfCached: true }],
    ['an age given twice: the last', 'max-age=60, max-age=5', { maxAgeMs: 5_000 }],
    ['an age without a value', 'max-age', {}],
    ['an age that is not a number', 'max-age=soon', {}],
    ['an age below zero', 'max-age=-1', {}],
    ['an age of more digits than any', `max-age=${'9'.repeat(10)}`, {}],
    ['a directive of another kind', 'no-transform', {}],
    ['a known one among others', 'foo="bar", no-cache', NO_CACHE],
    ['a name that only begins like one', 'no-cachex', {}],
    ['one past the length that is read', `${' '.repeat(512)}no-cache`, {}],
  ])('%s: %j', (_title, cacheControl, demand) => {
    expect(readDemand(cacheControl, undefined)).toEqual({ ...NO_DEMAND, ...demand });
  });
});

describe('what Pragma demands', () => {
  test.each<[title: string, cacheControl: string | undefined, pragma: string | undefined, Partial<Demand>]>([
    ['neither header', undefined, undefined, {}],
    ['no-cache alone', undefined, 'No-Cache', NO_CACHE],
    ['anything else alone', undefined, 'no-store', {}],
    ['no-cache, overruled by Cache-Control', 'max-age=60', 'no-cache', { maxAgeMs: 60_000 }],
  ])('%s', (_title, cacheControl, pragma, demand) => {
    expect(readDemand(cacheControl, pragma)).toEqual({ ...NO_DEMAND, ...demand });
  });

  test('a request without demands gets the very object that stands for none', () => {
    expect(readDemand(undefined, undefined)).toBe(NO_DEMAND);
  });
});
