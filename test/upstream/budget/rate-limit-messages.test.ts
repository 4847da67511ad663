import { describe, expect, test } from 'vitest';
import { readRateLimits } from '../../../src/upstream/budget/rate-limit-messages.ts';

const GROUP = '/api/atlas/v2/groups/{groupId}';
const set = (capacity: number, endpoints: readonly unknown[], more: Record<string, unknown> = {}) => ({
  capacity: { defaultValue: 1_200, value: capacity },
  endpointSetId: 'some_group',
  endpointSetName: 'Some',
  endpoints,
  refillDurationSeconds: { value: 30 },
  refillRate: { value: 100 },
  scope: 'GROUP',
  ...more,
});
const get = (path: string) => ({ method: 'GET', path });
const read = (body: unknown, status = 200) =>
  readRateLimits({ type: 'answered', status, headers: {}, body: Buffer.from(JSON.stringify(body)) });
const ofSets = (...results: unknown[]) => read({ links: [], results, totalCount: results.length });
const capacities = (...results: unknown[]) =>
  Object.fromEntries([...ofSets(...results)].map(([name, { capacity }]) => [name, capacity]));

describe('an answer of /rateLimits', () => {
  test('gives the limits in force by endpoint, in the format of the description', () => {
    expect(ofSets(set(5_000, [get(`${GROUP}/streams`), get(`${GROUP}/streams/{tenantName}`)]))).toEqual(
      new Map([['streams', { capacity: 5_000, refill: 100, perMs: 30_000 }]]),
    );
  });

  test('counts only the endpoints that the gateway may read', () => {
    const clusters = `${GROUP}/clusters`;
    expect(
      capacities(
        set(10_000, [get(clusters)]),
        set(50, [{ method: 'POST', path: clusters }, get(`${GROUP}/peers`)]),
      ),
    ).toEqual({ clusters: 10_000, networkPeering: 50 });
  });

  test('takes the set of the resource itself where several share a bucket, in any order', () => {
    const sets = [
      set(10_000, [get(`${GROUP}/clusters`)]),
      set(700, [get(`${GROUP}/clusters/{clusterName}/queryShapes`)]),
      set(900, [get(`${GROUP}/clusters/{clusterName}/backup/schedule`)]),
    ];
    for (const order of [sets, sets.toReversed()])
      expect(capacities(...order)).toEqual({ clusters: 10_000, 'clusters.backup': 900 });
  });

  test.each([
    ['no set', 1],
    ['no endpoints', set(1, [], { endpoints: undefined })],
    ['endpoints of another form', set(1, [null, 'GET', { method: 'GET' }, { method: 'GET', path: 1 }])],
    ['a capacity of another form', set(1, [get(`${GROUP}/streams`)], { capacity: 5_000 })],
    ['an impossible capacity', set(-1, [get(`${GROUP}/streams`)])],
    ['no refill', set(1, [get(`${GROUP}/streams`)], { refillRate: { value: null } })],
  ])('is skipped where it has %s', (_what, wrong) => {
    expect(capacities(wrong, set(10_000, [get(`${GROUP}/clusters`)]))).toEqual({ clusters: 10_000 });
  });

  test.each([[{}], [{ results: {} }], [[]], [null]])('says nothing if it is %j', (body) => {
    expect(read(body)).toEqual(new Map());
  });

  test('says nothing if it is an error', () => {
    expect(read({ results: [set(1, [get(`${GROUP}/streams`)])] }, 403)).toEqual(new Map());
  });
});
