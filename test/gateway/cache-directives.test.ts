import { describe, expect, test } from 'vitest';
import { type CacheDirectives, NO_DIRECTIVES } from '../../src/cache/decide.ts';
import { parseCacheDirectives } from '../../src/gateway/cache-directives.ts';

const ANY_AGE = Number.MAX_SAFE_INTEGER;
const NO_CACHE = { noCache: true };

describe('Cache-Control directives', () => {
  test.each<[title: string, cacheControl: string, directives: Partial<CacheDirectives>]>([
    ['nothing', '', {}],
    ['no-cache', 'no-cache', NO_CACHE],
    ['only-if-cached', 'only-if-cached', { onlyIfCached: true }],
    ['an age', 'max-age=60', { maxAgeMs: 60_000 }],
    ['an age, quoted', 'max-age="60"', { maxAgeMs: 60_000 }],
    ['max-age=0, which browsers send to mean no-cache', 'max-age=0', NO_CACHE],
    ['staleness', 'max-stale=30', { maxStaleMs: 30_000 }],
    ['any staleness', 'max-stale', { maxStaleMs: ANY_AGE }],
    ['no staleness', 'max-stale=0', { maxStaleMs: 0 }],
    ['several, in any case and spacing', 'Max-Age=5 ,  MAX-STALE=9', { maxAgeMs: 5_000, maxStaleMs: 9_000 }],
    ['two that exclude each other', 'no-cache, only-if-cached', { noCache: true, onlyIfCached: true }],
    ['an age given twice: the last', 'max-age=60, max-age=5', { maxAgeMs: 5_000 }],
    ['an age without a value', 'max-age', {}],
    ['an age that is not a number', 'max-age=soon', {}],
    ['an age below zero', 'max-age=-1', {}],
    ['an age with too many digits', `max-age=${'9'.repeat(10)}`, {}],
    ['an unsupported directive', 'no-transform', {}],
    ['a known directive among others', 'foo="bar", no-cache', NO_CACHE],
    ['a directive inside a quoted string', 'foo="bar, no-cache, max-age=5"', {}],
    ['a directive inside a quoted string with an escaped quote', 'foo="\\", no-cache"', {}],
    ['a directive inside a quoted string that never closes', 'foo="bar, no-cache', {}],
    ['a directive after a quoted string', 'foo="a, b" , only-if-cached', { onlyIfCached: true }],
    ['a name that only starts like a directive', 'no-cachex', {}],
    ['a directive beyond the parsed length', `${' '.repeat(512)}no-cache`, {}],
  ])('%s: %j', (_title, cacheControl, directives) => {
    expect(parseCacheDirectives(cacheControl, undefined)).toEqual({ ...NO_DIRECTIVES, ...directives });
  });
});

describe('Pragma directives', () => {
  test.each<
    [title: string, cacheControl: string | undefined, pragma: string | undefined, Partial<CacheDirectives>]
  >([
    ['neither header', undefined, undefined, {}],
    ['no-cache alone', undefined, 'No-Cache', NO_CACHE],
    ['anything else alone', undefined, 'no-store', {}],
    ['no-cache, overruled by Cache-Control', 'max-age=60', 'no-cache', { maxAgeMs: 60_000 }],
  ])('%s', (_title, cacheControl, pragma, directives) => {
    expect(parseCacheDirectives(cacheControl, pragma)).toEqual({ ...NO_DIRECTIVES, ...directives });
  });

  test('a request without directives gets the NO_DIRECTIVES object itself', () => {
    expect(parseCacheDirectives(undefined, undefined)).toBe(NO_DIRECTIVES);
  });
});
