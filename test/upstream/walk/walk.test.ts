import { describe, expect, test } from 'vitest';
import { countItems } from '../../../src/atlas/list-parser.ts';
import { writePage } from '../../../src/simulator/pages.ts';
import { upstreamFailure } from '../../../src/upstream/failure.ts';
import type { Send, UpstreamResult } from '../../../src/upstream/message.ts';
import { walkList } from '../../../src/upstream/walk/walk.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const LIST = {
  operation: 'o',
  path: '/list',
  filters: '',
  countable: true,
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
const walk = (send: Send, list: typeof LIST, maxItems: number) =>
  walkList({ list, maxItems, maxBytes: 100_000_000, longestMs: 120_000 }, { send, clock: createFakeClock() });
const countOf = (result: Awaited<ReturnType<typeof walk>>) =>
  result.type === 'walked' ? countItems(result.items) : result.type;

describe('a walk', () => {
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

  test('of a list that shifts during the walk starts over', async () => {
    // The second page repeats an item of the first, because an item was inserted before them in between.
    const { send, targets } = atlas((request) =>
      request === 1 ? items(700) : [{ id: 'new' }, ...items(699)],
    );
    expect(countOf(await walk(send, LIST, 10_000))).toBe(700);
    expect(targets).toHaveLength(4);
  });

  test('of a list that grows during the walk starts over', async () => {
    const { send } = atlas((request) => items(request < 2 ? 700 : 701));
    expect(countOf(await walk(send, LIST, 10_000))).toBe(701);
  });

  test('of a list that changes during every attempt is torn after a bounded number of attempts', async () => {
    const { send, targets } = atlas((request) => items(600 + request));
    expect(countOf(await walk(send, LIST, 10_000))).toBe('torn');
    expect(targets).toHaveLength(6);
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
