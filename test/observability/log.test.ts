import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RequestCompletedEvent } from '../../src/gateway/events.ts';
import { createLog, type LogEvent } from '../../src/observability/log.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const completed: RequestCompletedEvent = {
  type: 'answered',
  requestId: 'r-1',
  traceId: undefined,
  clientIp: undefined,
  userAgent: undefined,
  method: 'GET',
  caller: 'team-orders',
  path: undefined,
  operation: 'listGroupClusters',
  project: '64b7c0ffee0000000000a004',
  status: 200,
  cache: 'hit',
  endedAt: 0,
  durationMs: 0.25,
  bytes: 10,
  upstreamCalls: 0,
  errorCode: undefined,
  reason: undefined,
};

function create(form = { people: false, colorize: false }) {
  const clock = createFakeClock();
  const lines: string[] = [];
  const { write: log, setLevel } = createLog(
    { write: (line) => void lines.push(line) },
    { level: 'info', ...form, wall: () => clock.wall() },
  );
  return {
    clock,
    lines,
    log,
    setLevel,
    /** The fields of the line that an event writes; fails unless it is exactly one line of JSON without repeated names. */
    fieldsOf(event: LogEvent): Record<string, unknown> {
      const before = lines.length;
      log(event);
      expect(lines).toHaveLength(before + 1);
      const line = lines[before] ?? '';
      expect(line.indexOf('\n')).toBe(line.length - 1);
      const fields: Record<string, unknown> = JSON.parse(line);
      expect(Object.keys(fields)).toHaveLength([...line.matchAll(/[{,]"\w+":/g)].length);
      return fields;
    },
  };
}

test('a list that begins to cool down, and its end, are a line each', () => {
  const { fieldsOf } = create();
  const named = { state: 'begun', operation: 'listGroupClusters', project: 'p', kind: 'list' } as const;
  const why = { failures: 3, pauseMs: 10_000, code: 'UPSTREAM_FAILED' };
  expect(fieldsOf({ type: 'cool-down', ...named, ...why })).toMatchObject({
    ...{ level: 'warn', msg: 'cool-down' },
    ...{ ...named, ...why },
  });
  expect(fieldsOf({ type: 'cool-down', ...named, state: 'ended', failures: 3 })).toMatchObject({
    ...{ level: 'info', msg: 'cool-down', state: 'ended', failures: 3 },
  });
});

test('a list without a stable order is logged with its operation and project', () => {
  const { fieldsOf } = create();
  expect(fieldsOf({ type: 'unstable-order', operation: 'listGroupClusters', scope: 'p' })).toMatchObject({
    ...{ level: 'warn', msg: 'list without a stable order' },
    ...{ operation: 'listGroupClusters', project: 'p' },
  });
});

describe('a request line', () => {
  test('has these fields and no others', () => {
    const { fieldsOf, clock } = create();
    const time = new Date(clock.wall()).toISOString();
    expect(fieldsOf(completed)).toEqual({
      level: 'info',
      time,
      requestId: 'r-1',
      traceId: undefined,
      clientIp: undefined,
      userAgent: undefined,
      method: 'GET',
      caller: 'team-orders',
      operation: 'listGroupClusters',
      project: '64b7c0ffee0000000000a004',
      status: 200,
      cache: 'hit',
      durationMs: 0.25,
      bytes: 10,
      upstreamCalls: 0,
      msg: 'request',
    });
    expect(
      fieldsOf({
        ...completed,
        caller: undefined,
        operation: undefined,
        project: undefined,
        status: 501,
        cache: 'none',
        errorCode: 'UNKNOWN_OPERATION',
        reason: 'no-match',
        path: '/api/"quoted"\\',
      }),
    ).toEqual({
      level: 'warn',
      time,
      requestId: 'r-1',
      traceId: undefined,
      clientIp: undefined,
      userAgent: undefined,
      method: 'GET',
      status: 501,
      cache: 'none',
      durationMs: 0.25,
      bytes: 10,
      upstreamCalls: 0,
      errorCode: 'UNKNOWN_OPERATION',
      reason: 'no-match',
      path: '/api/"quoted"\\',
      msg: 'request',
    });
  });

  test.each([
    [200, 'info'],
    [304, 'info'],
    [404, 'info'],
    [401, 'warn'],
    [403, 'warn'],
    [429, 'warn'],
    [500, 'error'],
    [501, 'warn'],
    [503, 'error'],
  ])('with status %i has level %s', (status, level) => {
    expect(create().fieldsOf({ ...completed, status })).toMatchObject({ status, level });
  });

  test.each([
    [0.123_456_789, 0.123],
    [0, 0],
    [1_234.567_891, 1_234.568],
    [30_000, 30_000],
  ])('with a duration of %d ms has %d', (durationMs, logged) => {
    expect(create().fieldsOf({ ...completed, durationMs })).toMatchObject({ durationMs: logged });
  });

  test('has the time of its event, whatever the wall clock does', async () => {
    const { fieldsOf, clock } = create();
    const now = () => new Date(clock.wall()).toISOString();
    for (const step of [0, 1, 999, 60_000]) {
      await clock.advance(step);
      expect(fieldsOf(completed)).toMatchObject({ time: now() });
    }
    clock.moveWall(-3_600_000);
    expect(fieldsOf(completed)).toMatchObject({ time: now() });
  });

  test('has the fields of its own request, in any order of requests', () => {
    const name = fc.constantFrom(undefined, 'undefined', 'a', 'b', 'a.b');
    const request = fc.record({
      caller: name,
      operation: name,
      project: fc.constantFrom(undefined, '64b7c0ffee0000000000a004', '64b7c0ffee0000000000a005'),
      method: fc.constantFrom('GET', 'HEAD', 'POST'),
      status: fc.constantFrom(200, 403, 503),
      cache: fc.constantFrom('hit' as const, 'stale' as const, 'none' as const),
      requestId: fc.string({ unit: 'grapheme', maxLength: 40 }),
      bytes: fc.nat(),
      upstreamCalls: fc.nat(),
    });
    const { fieldsOf } = create();
    fc.assert(
      fc.property(request, (fields) => {
        const written = fieldsOf({ ...completed, ...fields });
        for (const [field, value] of Object.entries(fields)) expect(written[field]).toBe(value);
      }),
    );
  });

  test('is right for more projects than have a child logger', () => {
    const { fieldsOf } = create();
    const projects = Array.from({ length: 2_500 }, (_none, index) => index.toString(16).padStart(24, '0'));
    for (const project of [...projects, ...projects])
      expect(fieldsOf({ ...completed, project })['project']).toBe(project);
  });
});

test('lines of every event go through one logger, in order', () => {
  const { log, lines } = create();
  log({ type: 'life', level: 'info', message: 'started' });
  log(completed);
  log({ type: 'circuit', credential: 'main', state: 'closed', openMs: 5 });
  log({ type: 'evicted', reason: 'capacity' });
  expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['started', 'request', 'circuit']);
});

test.each([true, false])('a terminal gets lines for people; colorized: %s', (colorize) => {
  const { log, lines } = create({ people: true, colorize });
  log({ type: 'life', level: 'info', message: 'started' });
  log(completed);
  const text = lines.join('');
  expect(stripVTControlCharacters(text) !== text).toBe(colorize);
  expect(stripVTControlCharacters(text)).toMatch(
    /INFO: started\n.*INFO <team-orders>: request\n {4}operation: /,
  );
});
