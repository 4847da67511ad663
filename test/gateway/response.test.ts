import fc from 'fast-check';
import { expect, test } from 'vitest';
import { freshnessWindow } from '../../src/cache/freshness.ts';
import { createRenderedPage } from '../../src/cache/rendered-pages.ts';
import { type CachedHeads, pageResponse } from '../../src/gateway/response.ts';

test('133: max-age is the whole lifetime at whatever fraction of a millisecond a list was loaded', () => {
  const lifetimes = { freshMs: 30_000, staleWhileRevalidateMs: 0, staleIfErrorMs: 0 };
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (loadedAt) => {
      const { head } = pageResponse({
        body: createRenderedPage<CachedHeads>(Buffer.from('{}')).body('identity'),
        coding: 'identity',
        mediaType: 'application/json',
        deprecationHeaders: {},
        headerParameters: [],
        cacheStatus: { outcome: 'miss', forwarded: 'miss' },
        window: freshnessWindow(loadedAt, lifetimes),
        now: loadedAt,
        unchanged: false,
      });
      expect(head.headers[head.headers.indexOf('Cache-Control') + 1]).toBe('private, max-age=30');
    }),
    { numRuns: 2_000 },
  );
});
