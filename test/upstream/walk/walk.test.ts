import { describe, expect, test, vi } from 'vitest';
import { countItems } from '../../../src/atlas/list-parser.ts';
import { writePage } from '../../../src/simulator/pages.ts';
import { createSeeded } from '../../../src/simulator/seeded.ts';
import { upstreamFailure } from '../../../src/upstream/failure.ts';
import type { Send, UpstreamResult } from '../../../src/upstream/message.ts';
import type { ListRequest } from '../../../src/upstream/walk/fetch-page.ts';
import { startWalk, walkList } from '../../../src/upstream/walk/walk.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const LIST = {
  operation: 'o',
  path: '/list',
  filters: '',
  list: 'id of the list',
  countable: true,
  identityFields: ['id'],
  accept: '',
  deadlineAt: 0,
  priority: 'foreground',
  endpointSet: 's',
  scope: 'p',
} as const;
const item = (number: number) => ({ id: `item-${number}` });
const items = (count: number) => Array.from({ length: count }, (_none, index) => item(index));

/** An Atlas whose list is the result of `at` at the time of each page request. */
function atlas(
  at: (request: number) => readonly { id: string }[],
  errors: (request: number, target: string) => UpstreamResult | undefined = () => undefined,
) {
  const targets: string[] = [];
  const send: Send = async ({ target }) => {
    targets.push(target);
    const error = errors(targets.length, target);
    if (error !== undefined) return error;
    const query = new URLSearchParams(target.split('?')[1]);
    const page = {
      pageNum: Number(query.get('pageNum')),
      itemsPerPage: Number(query.get('itemsPerPage')),
      includeCount: query.get('includeCount') !== 'false',
      countable: true,
      pretty: false,
      envelope: false,
      others: [],
      address: 'https://atlas/list',
      uncounted: 'absent',
    } as const;
    return {
      type: 'answered',
      status: 200,
      headers: {},
      body: Buffer.from(writePage(at(targets.length), page)),
    };
  };
  return { send, targets };
}
const walk = (send: Send, list: ListRequest, maxItems: number) =>
  walkList({ list, maxItems, maxBytes: 100_000_000, longestMs: 120_000 }, { send, clock: createFakeClock() });
const pagesOf = (targets: readonly string[]) =>
  targets.map((target) => Number(new URLSearchParams(target.split('?')[1]).get('pageNum')));
/** A walk, and whether it reports a list without a stable order. */
function report(send: Send, { smallPages = false } = {}) {
  const unstable = vi.fn();
  const ignore = () => undefined;
  const { done } = startWalk(
    {
      ...{ list: LIST, maxItems: 100_000, maxBytes: 100_000_000, longestMs: 120_000 },
      ...{ expectedItems: 0, retryPages: true, wanted: () => [], smallPages },
    },
    { send, clock: createFakeClock() },
    { onPage: ignore, onPageFailed: ignore, onSent: ignore, onSlowPages: ignore, onUnstableOrder: unstable },
  );
  return { done, unstable };
}
const countOf = (result: Awaited<ReturnType<typeof walk>>) =>
  result.type === 'walked' ? result.parts.reduce((sum, part) => sum + countItems(part), 0) : result.type;

describe('a walk', () => {
  test('81: exceptions of two pages that are out → one rejection, and none that nobody handles', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const { done } = startWalk(
      {
        ...{ list: LIST, maxItems: 100_000, maxBytes: 100_000_000, longestMs: 120_000 },
        ...{ expectedItems: 0, retryPages: true, wanted: () => [{ from: 600, to: 700 }], smallPages: false },
      },
      { send: () => Promise.reject(new RangeError('a bug')), clock: createFakeClock() },
      {
        ...{ onPage: vi.fn(), onPageFailed: vi.fn(), onSent: vi.fn(), onSlowPages: vi.fn() },
        onUnstableOrder: vi.fn(),
      },
    );
    await expect(done).rejects.toThrow('a bug');
    await new Promise(setImmediate);
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  test.each([
    [0, 1],
    [1, 1],
    [499, 1],
    [500, 1],
    [501, 2],
    [1_234, 3],
  ])('of %i items costs %i requests', async (count, requests) => {
    const { send, targets } = atlas(() => items(count));
    expect(countOf(await walk(send, LIST, 10_000))).toBe(count);
    expect(targets).toHaveLength(requests);
  });

  test('of a list that loses an item between two pages requests the page before again', async () => {
    const { send, targets } = atlas((request) => items(700).slice(request === 1 ? 0 : 1));
    expect(countOf(await walk(send, LIST, 10_000))).toBe(699);
    expect(pagesOf(targets)).toEqual([1, 2, 1]);
  });

  test('of a list that loses one item and gains another, without having seen either, starts over', async () => {
    const { send, targets } = atlas((request) =>
      request === 1 ? items(700) : [{ id: 'new' }, ...items(699)],
    );
    expect(countOf(await walk(send, LIST, 10_000))).toBe(700);
    expect(pagesOf(targets)).toEqual([1, 2, 1, 2]);
  });

  test('of a list that grows during the walk is what existed throughout, and what has been seen of the rest', async () => {
    const { send, targets } = atlas((request) => items(request < 2 ? 700 : 701));
    expect(countOf(await walk(send, LIST, 10_000))).toBe(701);
    expect(targets).toHaveLength(2);
  });

  test('of a list that grows by a page goes on to its end', async () => {
    const { send, targets } = atlas((request) => items(request < 2 ? 700 : 1_300));
    expect(countOf(await walk(send, LIST, 10_000))).toBe(1_300);
    expect(pagesOf(targets)).toEqual([1, 2, 3]);
  });

  test('of a list that changes during every attempt is torn after a bounded number of attempts', async () => {
    const { send, targets } = atlas((request) =>
      items(700).map(({ id }) => ({ id: `${id} of request ${request}` })),
    );
    expect(countOf(await walk(send, LIST, 10_000))).toBe('torn');
    // Each boundary is repaired twice, first with one page, then with both.
    expect(pagesOf(targets)).toEqual([1, 2, 1, 1, 2, 1, 2, 1, 1, 2]);
  });

  test('compares items by their identity, as other fields may change meanwhile', async () => {
    const { send, targets } = atlas((request) => items(700).map(({ id }) => ({ id, seen: request })));
    expect(countOf(await walk(send, LIST, 10_000))).toBe(700);
    expect(targets).toHaveLength(2);
  });

  test('compares items by their bytes if the catalog names no identity', async () => {
    const { send } = atlas((request) => items(700).map(({ id }) => ({ id, seen: request })));
    expect(countOf(await walk(send, { ...LIST, identityFields: [] }, 10_000))).toBe('torn');
  });

  test('of a list that overlapping pages cannot cover uses plain ones', async () => {
    const long = items(40_000);
    const { send, targets } = atlas(() => long);
    const { done } = report(send, { smallPages: true });
    expect(countOf(await done)).toBe(40_000);
    expect(pagesOf(targets)).toEqual([1, ...Array.from({ length: 400 }, (_none, index) => index + 1)]);
    expect(new Set(targets.map((target) => /itemsPerPage=\d+/.exec(target)?.[0]))).toEqual(
      new Set(['itemsPerPage=100']),
    );
  });

  test('of a list without a stable order is torn, and says so', async () => {
    const fraction = createSeeded(1);
    const shuffled = () =>
      items(700)
        .map((one) => ({ one, at: fraction() }))
        .toSorted((a, b) => a.at - b.at)
        .map(({ one }) => one);
    const { send } = atlas(shuffled);
    const { done, unstable } = report(send);
    expect(countOf(await done)).toBe('torn');
    expect(unstable).toHaveBeenCalledTimes(1);
  });

  test('of a list whose items are replaced is torn, but has a stable order', async () => {
    const { send } = atlas((request) => items(700).map(({ id }) => ({ id: `${id} of request ${request}` })));
    const { done, unstable } = report(send);
    expect(countOf(await done)).toBe('torn');
    expect(unstable).not.toHaveBeenCalled();
  });

  test('of a list longer than the maximum stops after the first page', async () => {
    const { send, targets } = atlas(() => items(1_001));
    expect(countOf(await walk(send, LIST, 1_000))).toBe('too-long');
    expect(targets).toHaveLength(1);
  });

  test('continues without counting if counting times out', async () => {
    const timeout: UpstreamResult = {
      type: 'answered',
      status: 500,
      headers: {},
      body: Buffer.from('{"errorCode":"TIMEOUT_WHILE_PAGING"}'),
    };
    const { send } = atlas(
      () => items(1_100),
      (_question, target) => (target.includes('includeCount=false') ? undefined : timeout),
    );
    expect(countOf(await walk(send, LIST, 10_000))).toBe(1_100);
  });

  test('that fails halfway returns no items', async () => {
    const { send } = atlas(
      () => items(1_234),
      (request) => (request >= 3 ? upstreamFailure('UPSTREAM_PROTOCOL', 'cut') : undefined),
    );
    expect(await walk(send, LIST, 10_000)).toMatchObject({ type: 'failed', code: 'UPSTREAM_PROTOCOL' });
  });

  test.each([
    [302, '', 'UPSTREAM_REDIRECT'],
    [503, '', 'UPSTREAM_FAILED'],
    [429, '', 'UPSTREAM_RATE_LIMITED'],
    [200, '<html>', 'UPSTREAM_BAD_BODY'],
  ])('that is answered %i %s fails with %s', async (status, body, code) => {
    const { send } = atlas(
      () => [],
      () => ({ type: 'answered', status, headers: {}, body: Buffer.from(body) }),
    );
    expect(await walk(send, LIST, 10_000)).toMatchObject({ type: 'failed', code });
  });
});
