import fc from 'fast-check';
import { expect, test } from 'vitest';
import { freshnessWindow } from '../../src/cache/freshness.ts';
import { createRenderedPage } from '../../src/cache/rendered-pages.ts';
import { type CachedHeads, pageResponse } from '../../src/gateway/response.ts';

const LIFETIMES = { freshMs: 30_000, staleWhileRevalidateMs: 0, staleIfErrorMs: 0 };

/** A header of the response at `now` with a page that was loaded at `loadedAt`. */
function headerAt(now: number, loadedAt: number, name: string): string | undefined {
  const { head } = pageResponse({
    body: createRenderedPage<CachedHeads>(Buffer.from('{}')).identity,
    coding: 'identity',
    mediaType: 'application/json',
    deprecationHeaders: {},
    cacheStatus: { outcome: 'miss', forwarded: 'miss' },
    window: freshnessWindow(loadedAt, LIFETIMES),
    now,
    unchanged: false,
  });
  return head.headers[head.headers.indexOf(name) + 1];
}

test('Age counts from when a list was loaded, and max-age is the whole lifetime', () => {
  expect(headerAt(108_400, 100_000, 'Age')).toBe('8');
  expect(headerAt(108_400, 100_000, 'Cache-Control')).toBe('private, max-age=30');
});

test('133: max-age is the whole lifetime at whatever fraction of a millisecond a list was loaded', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (loadedAt) => {
      expect(headerAt(loadedAt, loadedAt, 'Cache-Control')).toBe('private, max-age=30');
    }),
    { numRuns: 2_000 },
  );
});
