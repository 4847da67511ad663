import { describe, expect, test } from 'vitest';
import { createStatusStats } from '../../src/observability/status-stats.ts';
import { addressOf, type Focus, inFocus, readFocus } from '../../src/status/overview/focus.ts';
import { writeStatusPage } from '../../src/status/overview/page.tsx';
import { createReport, type StatusReport } from '../../src/status/report.ts';
import { binsOf, rangeOf } from '../../src/status/trend-points.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const ID = '64b7c0ffee0000000000a004';

/** A page of this report, with the tags removed. */
const textOf = (report: StatusReport, focus: Focus = {}) =>
  writeStatusPage({ report, operations: [], focus, lists: [] }, { nonce: 'n', signedIn: false })
    .replace(/<(style|script)[\s\S]*?<\/\1>/g, ' ')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');

function create(coolingDown: Readonly<Record<'list' | 'page', number>>, circuitOpenedAt?: number) {
  const clock = createFakeClock();
  const report = createReport(
    {
      build: { version: '0.0.0', node: 'v20.19.0' },
      state: () => 'ready',
      requests: () => 0,
      inFlight: () => 0,
      inFlightLimit: 100,
      cache: { listings: () => [], size: 0, loading: 0, coolingDown: () => coolingDown },
      loads: () => ({ waiting: 2, loading: 5 }),
      connections: () => ({ busy: 60, queued: 12, limit: 64 }),
      cacheBytes: () => 0,
      cacheLimitBytes: 1_024,
      credentials: () => [
        { name: 'main', kind: 'api-key', circuitOpen: circuitOpenedAt !== undefined, circuitOpenedAt },
      ],
      expiries: () => [],
      budget: () => [],
      callers: () => [],
      statusStats: createStatusStats({ clock }),
      privateLinks: { counts: () => [], connectionsOf: () => undefined },
      projectNames: () => new Map(),
    },
    { clock },
  );
  const text = () => textOf(report());
  return { clock, report, text };
}

test('the status page shows the connections to Atlas, their queue, what is being loaded and what cools down', () => {
  const { report, text } = create({ list: 3, page: 2 });
  expect(report()).toMatchObject({
    connections: { busy: 60, queued: 12, limit: 64 },
    loads: { waiting: 2, loading: 5 },
    coolingDown: { lists: 3, pages: 2 },
  });
  expect(text()).toContain('Connections to Atlas 60 of 64 12 queued');
  expect(text()).toContain('Being loaded 5 2 waiting');
  expect(text()).toContain('Cooling down 3 lists that failed, and 2 pages');
});

test('the status page says since when a circuit breaker is open', async () => {
  const { clock, report, text } = create({ list: 0, page: 0 }, 1_000);
  const openedAt = new Date(clock.wall()).toISOString();
  await clock.advance(180_000);
  expect(report().credentials).toMatchObject([{ circuitOpen: true, circuitOpenSince: openedAt }]);
  expect(text()).toContain('open for 3 min , probes once a second');
  expect(create({ list: 0, page: 0 }).text()).toContain('closed');
});

describe('while Atlas fails', () => {
  const { report } = create({ list: 0, page: 0 });
  const failing = {
    ...{ operation: 'listGroupClusters', project: ID, code: '503', since: report().time },
    ...{ nextAttemptSeconds: 5, servedSeconds: 40, failsRequests: false },
  };

  test('the page says that requests fail although others for the same list are served', () => {
    expect(textOf({ ...report(), failing: [failing] })).toContain('ready, serving stale');
    const text = textOf({ ...report(), failing: [{ ...failing, failsRequests: true }] });
    expect(text).toContain('ready, Atlas failing');
    expect(text).toContain('serving lists up to 40 s old, and requests for one list fail;');
    expect(text).toContain('some requests fail, others are served from 40 s ago');
  });

  test.each([
    ['UPSTREAM_TIMEOUT', 'Atlas does not answer in time since'],
    ['UPSTREAM_UNREACHABLE', 'Atlas is unreachable since'],
    ['OVERLOADED', 'All connections to Atlas are in use since'],
    ['UPSTREAM_BAD_BODY', 'Atlas is failing (UPSTREAM_BAD_BODY) since'],
  ])('%s reads: %s', (code, sentence) => {
    expect(textOf({ ...report(), failing: [{ ...failing, code }] })).toContain(sentence);
  });

  test('the state stays on a page that is narrowed down', () => {
    expect(textOf({ ...report(), failing: [failing] }, { caller: 'team-orders' })).toContain(
      'ready, serving stale',
    );
  });

  test('projects that fail are shown before those that are requested more', () => {
    const usage = {
      listings: 0,
      staleListings: 0,
      items: 0,
      bytes: 0,
      oldestSeconds: 0,
      requests: 9,
      hits: 9,
    };
    const others = Array.from({ length: 150 }, (_, index) => ({ ...usage, id: `other-${index}` }));
    const projects = [...others, { ...usage, id: ID, requests: 1 }];
    const text = textOf({ ...report(), failing: [failing], projects });
    expect(text).toContain(`Purge project ${ID}`);
    expect(text).toContain('The 100 most requested and failing of 151');
  });
});

test('tables that are too long for the page say how many rows they have', () => {
  const { report } = create({ list: 0, page: 0 });
  const many = Array.from({ length: 1_000 }, (_, index) => `many-${index}`);
  const text = textOf({
    ...report(),
    callers: many.map((name) => ({ name, keys: 1, requests: 1, hits: 0, upstreamCalls: 0 })),
    budget: many.map((credential, index) => ({
      ...{ credential, endpointSet: 'clusters', capacity: 1_000 },
      remaining: 1_000 - index,
    })),
    refusalGroups: many.map((caller) => ({
      ...{ caller, code: 'PROJECT_FORBIDDEN', status: 403, operation: 'listGroupClusters' },
      ...{ requests: 1, lastAt: report().time },
    })),
  });
  expect(text).toContain('The 100 with the most requests of 1,000; all of them are in /status.json');
  expect(text).toContain('The 50 with the least left of 1,000.');
  expect(text).toContain('many-999 1 of 1,000');
  expect(text).toContain('The 50 most frequent of 1,000; narrow the page down');
});

describe('focus', () => {
  const whole = { project: 'p', caller: 'c', operation: 'o' };

  test('is read from the address that it is written to', () => {
    for (const focus of [{}, { project: 'a&b=c' }, whole]) {
      const { searchParams } = new URL(addressOf(focus), 'http://gateway.example');
      expect(readFocus(searchParams)).toEqual(focus);
    }
    expect(readFocus(new URLSearchParams('project=&other=1'))).toEqual({});
  });

  test.each([
    [{}, true],
    [{ project: 'p' }, true],
    [{ project: 'p', caller: 'c' }, true],
    [{ project: 'other' }, false],
    [{ project: 'p', caller: 'other' }, false],
  ])('%o matches: %s', (focus, expected) => {
    expect(inFocus(focus, whole)).toBe(expected);
  });
});

test.each([
  ['one minute at least', 1, 60],
  ['as long as there are data for', 31, 300],
  ['an hour at most', 360, 3_600],
])('charts cover %s', (_name, steps, seconds) => {
  const zeros = Array.from({ length: steps }, () => 0);
  const trend = {
    stepMs: 10_000,
    runningMs: 5_000,
    requests: zeros,
    lookups: zeros,
    hits: zeros,
    errors: zeros,
    upstreamCalls: zeros,
  };
  expect(rangeOf(binsOf(trend))).toBe(seconds);
});
