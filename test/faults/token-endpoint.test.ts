import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { createFakeClock, type FakeClock, settled } from '../support/fake-clock.ts';
import { answer, type Hostile, type Misbehaviour, startHostile } from '../support/hostile.ts';
import { ask, json, linksOf, type Running, startGateway } from '../support/running.ts';
import { requestForTenMinutes } from '../support/steady-requests.ts';

const { orders, single, search } = SAMPLE_PROJECTS;
const reset = (socket: Socket) => socket.resetAndDestroy();
const TOKEN = JSON.stringify({ access_token: 'a-token', token_type: 'Bearer', expires_in: 3_600 });

/** Transient faults. */
const PASSING: [string, Misbehaviour][] = [
  ['a reset', reset],
  ['a connection that is closed', (socket) => socket.end()],
  ['half an answer', (socket) => socket.end(answer(200, TOKEN).subarray(0, -10))],
  ['500', answer(500, '{}')],
  ['502 as HTML', answer(502, '<html></html>')],
  ['503', answer(503, '{}')],
  ['503 with Retry-After 1', answer(503, '{}', { 'Retry-After': '1' })],
  ['504', answer(504, '')],
];

/** Applies the faults in turn, then responds normally. */
function inTurn(set: (next: Misbehaviour | undefined) => void, faults: readonly Misbehaviour[]): void {
  const [first, ...others] = faults;
  if (first === undefined) {
    set(undefined);
    return;
  }
  set((socket, request) => {
    inTurn(set, others);
    if (typeof first === 'function') first(socket, request);
    else socket.write(first);
  });
}

describe('the token endpoint', () => {
  let clock: FakeClock;
  let atlas: Hostile;
  let running: Running;
  beforeEach(async () => {
    clock = createFakeClock();
    atlas = await startHostile();
    running = await startGateway({ clock, origin: atlas.origin });
  });
  afterEach(async () => {
    await running.stop();
    await atlas.close();
  });
  const get = (project: { id: string }) => settled(clock, running.get(linksOf(project)), 20);
  const answerTokens = (...faults: Misbehaviour[]) =>
    inTurn((next) => {
      atlas.token = next;
    }, faults);

  test.each(PASSING)(
    '129: %s, once and twice → tried again, and the caller is answered',
    async (_what, fault) => {
      answerTokens(fault);
      const startedAt = clock.now();
      expect((await get(orders)).status).toBe(200);
      expect(atlas.received.tokens).toBe(2);
      expect(clock.now() - startedAt).toBeLessThan(2_000);
      expect(running.logLines.join('')).not.toContain('"outcome":"failed"');
      await clock.advance(7_200_000);
      answerTokens(fault, fault);
      expect((await settled(clock, running.get(linksOf(single)), 20)).status).toBe(200);
      expect(atlas.received.tokens).toBe(5);
    },
  );

  test.each(PASSING)('129: %s, a hundred callers → one more token request', async (_what, fault) => {
    answerTokens(fault);
    const asked = Array.from({ length: 100 }, () => running.get(linksOf(orders)));
    const replies = await settled(clock, Promise.all(asked), 20);
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
    expect(atlas.received.tokens).toBe(2);
  });

  test.each(PASSING)(
    '129: %s for ten minutes → three attempts, then one after each backoff',
    async (_what, fault) => {
      atlas.token = fault;
      const refused = await get(single);
      expect([refused.status, json(refused).errorCode]).toEqual([503, 'CREDENTIALS_UNAVAILABLE']);
      expect(atlas.received.tokens).toBe(3);
      await requestForTenMinutes(clock, running.origin, linksOf(search));
      expect(atlas.received.tokens).toBeGreaterThan(8);
      expect(atlas.received.tokens).toBeLessThan(30);
    },
  );

  test.each<[string, Misbehaviour]>([
    ['401', answer(401, '{"error":"invalid_client"}')],
    ['403', answer(403, '{"error":"access_denied"}')],
    ['429', answer(429, '{}')],
    ['429 with Retry-After 0', answer(429, '{}', { 'Retry-After': '0' })],
    ['a token of another type', answer(200, TOKEN.replace('Bearer', 'mac'))],
    ['503 with a long Retry-After', answer(503, '{}', { 'Retry-After': '30' })],
  ])('129: %s → not tried again at once', async (_what, fault) => {
    answerTokens(fault);
    expect((await get(single)).status).toBe(503);
    expect(atlas.received.tokens).toBe(1);
  });

  test('129: no response, repeatedly → one attempt, aborted at the deadline', async () => {
    atlas.token = () => undefined;
    const startedAt = clock.now();
    expect((await get(single)).status).toBe(503);
    expect(atlas.received.tokens).toBe(1);
    expect(clock.now() - startedAt).toBeLessThanOrEqual(10_000);
  });

  test('129: a reset after most of the deadline → the second attempt does not outlive it', async () => {
    answerTokens(
      (socket) => void clock.after(7_500, () => reset(socket)),
      () => undefined,
    );
    const startedAt = clock.now();
    expect((await get(single)).status).toBe(503);
    expect(atlas.received.tokens).toBe(2);
    expect(clock.now() - startedAt).toBeLessThanOrEqual(10_000);
  });

  test('129: nothing listens for a moment → tried again, with a bounded number of connections', async () => {
    await atlas.close();
    const asked = running.get(linksOf(single));
    await expect
      .poll(async () => JSON.parse((await ask(running.admin, '/status.json')).text).inFlight)
      .toBe(1);
    await clock.advance(0);
    await atlas.reopen();
    expect((await settled(clock, asked, 20)).status).toBe(200);
    expect(atlas.received.tokens).toBe(1);
  });

  test('129: a background renewal → tried again as well', async () => {
    await get(orders);
    await clock.advance(3_600_000 * 0.9);
    answerTokens(reset);
    expect((await get(orders)).status).toBe(200);
    await settled(clock, expect.poll(() => atlas.received.tokens, { timeout: 5_000 }).toBe(3), 20);
    expect(running.logLines.join('')).not.toContain('"outcome":"failed"');
  });
});

describe('the digest challenge', () => {
  const CHALLENGE = answer(401, '{}', {
    'WWW-Authenticate': 'Digest realm="atlas", nonce="n1", qop="auth", algorithm=MD5',
  });
  let clock: FakeClock;
  let atlas: Hostile;
  let running: Running;
  beforeEach(async () => {
    clock = createFakeClock();
    atlas = await startHostile();
    running = await startGateway({ clock, credential: 'apiKey', origin: atlas.origin });
  });
  afterEach(async () => {
    await running.stop();
    await atlas.close();
  });
  const answerLists = (...faults: Misbehaviour[]) =>
    inTurn((next) => {
      atlas.list = next;
    }, faults);

  test.each(PASSING)(
    '129: %s in place of it → tried again, and the caller is answered',
    async (_what, fault) => {
      answerLists(fault, CHALLENGE);
      expect((await settled(clock, running.get(linksOf(single)), 20)).status).toBe(200);
      expect(atlas.received.lists).toBe(3);
    },
  );

  test.each(PASSING)('129: %s again and again → three attempts', async (_what, fault) => {
    atlas.list = fault;
    expect((await settled(clock, running.get(linksOf(single)), 20)).status).toBe(502);
    expect(atlas.received.lists).toBe(3);
  });

  test.each<[string, Misbehaviour]>([
    ['401 without a challenge', answer(401, '{}')],
    ['403', answer(403, '{}')],
  ])('129: %s in place of it → not tried again', async (_what, fault) => {
    atlas.list = fault;
    expect((await settled(clock, running.get(linksOf(single)), 20)).status).toBe(502);
    expect(atlas.received.lists).toBe(1);
  });

  test('129: a reset of a challenge that several callers wait for → each of them is answered', async () => {
    answerLists(reset, CHALLENGE);
    const asked = [orders, single, search].map((project) => running.get(linksOf(project)));
    const replies = await settled(clock, Promise.all(asked), 20);
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200]);
  });
});
