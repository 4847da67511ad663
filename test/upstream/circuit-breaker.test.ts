import { beforeEach, describe, expect, test } from 'vitest';
import { createCircuitBreaker } from '../../src/upstream/circuit-breaker.ts';
import type { UpstreamEvent } from '../../src/upstream/events.ts';
import { upstreamFailure } from '../../src/upstream/failure.ts';
import type { Send, UpstreamRequest, UpstreamResult } from '../../src/upstream/message.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';

const answered = (status: number): UpstreamResult => ({
  type: 'answered',
  status,
  headers: {},
  body: Buffer.from('{}'),
});
const refused = upstreamFailure('UPSTREAM_UNREACHABLE', 'refused');
const timedOut = upstreamFailure('UPSTREAM_TIMEOUT', 'timed out');

let clock: FakeClock;
let send: Send;
let states: string[];
let events: UpstreamEvent[];
let sent: string[];
/** The result for a list; a promise stays on the wire. */
let reply: (list: string) => UpstreamResult | Promise<UpstreamResult>;

beforeEach(() => {
  clock = createFakeClock();
  states = [];
  events = [];
  sent = [];
  reply = () => answered(200);
  const breaker = createCircuitBreaker(
    { credential: 'one' },
    {
      clock,
      observe(event) {
        events.push(event);
        if (event.type === 'circuit') states.push(event.state);
      },
    },
  );
  send = breaker.wrap(async ({ list = '' }) => {
    sent.push(list);
    return reply(list);
  });
});

const request = (list: string, more: Partial<UpstreamRequest> = {}): UpstreamRequest => ({
  operation: 'o',
  target: `/${list}`,
  accept: '',
  deadlineAt: clock.now() + 10_000,
  priority: 'foreground',
  endpointSet: 'streams',
  scope: 'project',
  list,
  ...more,
});
const sendAll = (count: number, more: Partial<UpstreamRequest> = {}) =>
  Promise.all(Array.from({ length: count }, (_none, index) => send(request(`list-${index}`, more))));

/** Sends and advances the clock until the result is there. */
async function resultOf(list: string, ms = 0): Promise<UpstreamResult | undefined> {
  let result: UpstreamResult | undefined;
  void send(request(list)).then((value) => {
    result = value;
  });
  await clock.advance(ms);
  return result;
}

async function open(): Promise<void> {
  reply = () => refused;
  await sendAll(5);
  expect(states).toEqual(['open']);
  sent = [];
}

describe('the circuit breaker opens', () => {
  test.each([
    ['5 connection failures', refused, 5],
    ['5 connections that are never made', { ...timedOut, unconnected: true }, 5],
    ['500s of 10 lists', answered(500), 10],
    ['timeouts of 10 lists', timedOut, 10],
    ['broken responses of 10 lists', upstreamFailure('UPSTREAM_PROTOCOL', 'reset'), 10],
  ] as const)('after %s, and not before', async (_what, failure, count) => {
    reply = () => failure;
    await sendAll(count - 1);
    expect(states).toEqual([]);
    await send(request('another'));
    expect(states).toEqual(['open']);
  });

  test('never for one list that keeps failing', async () => {
    reply = () => answered(500);
    for (let index = 0; index < 100; index++) await send(request('sick'));
    expect(states).toEqual([]);
  });

  test('never for one document that fails for every time range', async () => {
    reply = () => answered(500);
    for (let minute = 0; minute < 20; minute++) {
      await send(request(`range-${minute}`, { target: `/measurements?start=${minute}` }));
      await clock.advance(1_000);
    }
    expect(states).toEqual([]);
  });

  test('only after 10 s without a success', async () => {
    await send(request('healthy'));
    reply = () => answered(500);
    await clock.advance(9_000);
    await sendAll(20);
    expect(states).toEqual([]);
    await clock.advance(1_000);
    await send(request('list-0'));
    expect(states).toEqual(['open']);
  });

  test('for requests, not for their attempts: retries count once', async () => {
    reply = () => refused;
    await sendAll(4);
    await sendAll(8, { retry: true });
    expect(states).toEqual([]);
    await send(request('fifth'));
    expect(states).toEqual(['open']);
  });

  test.each(['OVERLOADED', 'UPSTREAM_RATE_LIMITED', 'CREDENTIALS_UNAVAILABLE'] as const)(
    'never for %s, which says nothing about Atlas',
    async (code) => {
      reply = () => upstreamFailure(code, 'not sent');
      await sendAll(50);
      expect(states).toEqual([]);
    },
  );
});

describe('an open circuit breaker', () => {
  beforeEach(open);

  test('sends one probe a second, and the rest fail after waiting a second with the code of the last failure', async () => {
    const results: UpstreamResult[] = [];
    for (let second = 0; second < 5; second++) {
      for (const list of ['a', 'b', 'c']) void send(request(list)).then((result) => results.push(result));
      await clock.advance(1_000);
    }
    expect(sent).toHaveLength(5);
    expect(results.filter((result) => 'circuitOpen' in result)).toHaveLength(10);
    // Atlas has not counted them.
    expect(results.filter((result) => 'unsent' in result)).toHaveLength(10);
    for (const result of results) expect(result).toMatchObject({ code: 'UPSTREAM_UNREACHABLE' });
  });

  test('closes with the first success, and those that wait are answered', async () => {
    reply = () => answered(200);
    await clock.advance(100);
    const results = Promise.all(['a', 'b', 'c'].map((list) => send(request(list))));
    await clock.advance(1_000);
    expect((await results).map(({ type }) => type)).toEqual(['answered', 'answered', 'answered']);
    expect(states).toEqual(['open', 'closed']);
  });

  test('prefers a list that has not failed as its probe', async () => {
    reply = (list) => (list === 'sick' ? answered(500) : answered(200));
    await clock.advance(1_000);
    expect(await resultOf('sick')).toMatchObject({ status: 500 });
    sent = [];
    await clock.advance(100);
    const sick = send(request('sick'));
    const healthy = send(request('healthy'));
    await clock.advance(1_000);
    expect(sent[0]).toBe('healthy');
    expect([await sick, await healthy]).toMatchObject([{ status: 500 }, { status: 200 }]);
    expect(states).toEqual(['open', 'closed']);
  });

  test('is not kept open by a probe whose list is sick and hangs', async () => {
    reply = (list) => (list === 'sick' ? new Promise(() => undefined) : answered(200));
    await clock.advance(1_000);
    expect(await resultOf('sick')).toBeUndefined();
    expect(await resultOf('healthy', 1_000)).toMatchObject({ status: 200 });
    expect(states).toEqual(['open', 'closed']);
  });

  test('answers by the deadline of the request, if it is near', async () => {
    let result: UpstreamResult | undefined;
    void send(request('a', { deadlineAt: clock.now() + 100 })).then((value) => {
      result = value;
    });
    await clock.advance(100);
    expect(result).toMatchObject({ code: 'UPSTREAM_UNREACHABLE', retryAfterMs: 1_000 });
    expect(sent).toEqual([]);
  });
});

test('what opened the breaker is reported, and for how long it was open', async () => {
  await open();
  expect(events).toEqual([
    { type: 'circuit', credential: 'one', state: 'open', code: 'UPSTREAM_UNREACHABLE', detail: 'refused' },
  ]);
  reply = () => answered(200);
  await clock.advance(3_000);
  await resultOf('other');
  expect(events.at(-1)).toEqual({ type: 'circuit', credential: 'one', state: 'closed', openMs: 3_000 });
});
