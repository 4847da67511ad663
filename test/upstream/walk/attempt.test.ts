import { expect, test } from 'vitest';
import { upstreamFailure } from '../../../src/upstream/failure.ts';
import type { UpstreamFailureCode } from '../../../src/upstream/message.ts';
import { type AttemptEnd, startAttempt } from '../../../src/upstream/walk/attempt.ts';
import { createCensus } from '../../../src/upstream/walk/census.ts';
import type { PageResult } from '../../../src/upstream/walk/fetch-page.ts';
import { overlappingLayout } from '../../../src/upstream/walk/plan.ts';

const settle = () => new Promise((resolve) => setImmediate(resolve));

/** An attempt whose pages fail when the test says so. */
function start({ retryPages = true, pageSize = 500 } = {}) {
  const out = new Map<number, (result: PageResult) => void>();
  const requested: number[] = [];
  const failedPages: number[] = [];
  let end: AttemptEnd | undefined;
  startAttempt(
    {
      ...{
        layout: overlappingLayout(pageSize),
        counted: true,
        maxItems: 10_000,
        maxBytes: 10_000_000,
        now: () => 0,
      },
      ...{ identityFields: [], census: createCensus(), retryPages, wanted: [{ from: 1_000, to: 1_100 }] },
    },
    {
      fetchPage(pageNum) {
        requested.push(pageNum);
        return new Promise((resolve) => void out.set(pageNum, resolve));
      },
      onCounted: () => undefined,
      onPage: () => undefined,
      onPageFailed: (pageNum) => void failedPages.push(pageNum),
      onEnd(last) {
        end = last;
      },
      onError: (error) => {
        throw error;
      },
    },
  );
  return {
    ...{ requested, failedPages },
    async fail(pageNum: number, code: UpstreamFailureCode) {
      out.get(pageNum)?.(upstreamFailure(code, ''));
      await settle();
      return end?.type;
    },
  };
}

test.each<
  [string, Parameters<typeof start>[0], readonly [number, UpstreamFailureCode][], string | undefined]
>([
  ['once, beside another page', {}, [[1, 'UPSTREAM_FAILED']], undefined],
  [
    'twice',
    { pageSize: 100 },
    [
      [1, 'UPSTREAM_FAILED'],
      [1, 'UPSTREAM_FAILED'],
    ],
    'failed',
  ],
  [
    'as the last one on the wire, before any arrived',
    {},
    [
      [3, 'UPSTREAM_FAILED'],
      [1, 'UPSTREAM_FAILED'],
    ],
    'failed',
  ],
  ['without retries', { retryPages: false }, [[1, 'UPSTREAM_FAILED']], 'failed'],
  ['for a reason that other pages share', {}, [[3, 'UPSTREAM_RATE_LIMITED']], 'failed'],
  ['by time, before any arrived', {}, [[3, 'UPSTREAM_TIMEOUT']], 'slow-pages'],
  ['by time, with small pages', { pageSize: 100 }, [[1, 'UPSTREAM_TIMEOUT']], undefined],
])('a page that fails %s', async (_title, options, failures, expected) => {
  const attempt = start(options);
  let end: string | undefined;
  for (const [pageNum, code] of failures) end = await attempt.fail(pageNum, code);
  expect(end).toBe(expected);
});

test('an attempt requests the first page and the wanted one, and a failed page once more', async () => {
  const attempt = start();
  expect(attempt.requested).toEqual([1, 3]);
  await attempt.fail(3, 'UPSTREAM_FAILED');
  expect([attempt.requested, attempt.failedPages]).toEqual([[1, 3], [3]]);
  await attempt.fail(1, 'UPSTREAM_FAILED');
  expect(attempt.requested).toEqual([1, 3]);
});
