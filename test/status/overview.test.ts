import { describe, expect, test } from 'vitest';
import { createStatusStats } from '../../src/observability/status-stats.ts';
import { addressOf, inFocus, readFocus } from '../../src/status/overview/focus.ts';
import { writeStatusPage } from '../../src/status/overview/page.tsx';
import { createReport } from '../../src/status/report.ts';
import { binsOf, rangeOf } from '../../src/status/trend-points.ts';
import { createFakeClock } from '../support/fake-clock.ts';

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
  const text = () =>
    writeStatusPage(
      { report: report(), operations: [], focus: {}, lists: [] },
      { nonce: 'n', signedIn: false },
    )
      .replace(/<[^>]*>/g, ' ')
      .replace(/\s+/g, ' ');
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
