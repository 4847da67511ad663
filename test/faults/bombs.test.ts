import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { type Built, builtConfiguration, removeFolders, serveBuilt } from '../support/built.ts';
import { answer, GOOD_LIST, type Hostile, startHostile } from '../support/hostile.ts';
import { ACCEPT, ask, json, linksOf } from '../support/running.ts';

const MIB = 1_048_576;
const MAX_PEAK_BYTES = 200 * MIB;
const { orders, single } = SAMPLE_PROJECTS;

/** `before`, `piece` repeated up to `mebibytes`, and `after`. */
const filled = (before: string, piece: string, after: string, mebibytes = 30) =>
  `${before}${piece.repeat((mebibytes * MIB) / piece.length)}${after}`;
const gzipped = (body: string) => answer(200, gzipSync(body), { 'Content-Encoding': 'gzip' });
/** Text that gzip compresses to 132 KiB. */
const INCOMPRESSIBLE = randomBytes(135_000).toString('base64');

/** Peak resident memory of the process. */
const peakBytes = (pid: number | undefined) =>
  1_024 * Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

/** The upstream response, and the status and code of the gateway's response. */
const BOMBS: readonly (readonly [string, () => Partial<Hostile>, number, string])[] = [
  [
    'gzip that unpacks into millions of items',
    () => ({ list: gzipped(filled('{"results":[', '0,', '0]}')) }),
    502,
    'UPSTREAM_TOO_LARGE',
  ],
  [
    '136 KB of gzip that unpacks into millions of items',
    () => ({ list: gzipped(filled(`{"a":"${INCOMPRESSIBLE}","results":[`, '{},', '{}]}', 12)) }),
    502,
    'UPSTREAM_TOO_LARGE',
  ],
  [
    'millions of items',
    () => ({ list: answer(200, filled('{"results":[', '[],', '0]}')) }),
    502,
    'UPSTREAM_TOO_LARGE',
  ],
  [
    'millions of links',
    () => ({ list: answer(200, filled('{"links":[', '[],', '0],"results":[]}')) }),
    502,
    'UPSTREAM_TOO_LARGE',
  ],
  [
    'millions of members',
    () => ({ list: answer(200, filled('{', '"links":[],', '"a":0}')) }),
    502,
    'UPSTREAM_BAD_BODY',
  ],
  [
    'a member with a name without end',
    () => ({ list: answer(200, filled('{"', 'results', '":[]}')) }),
    502,
    'UPSTREAM_BAD_BODY',
  ],
  [
    'a count of millions of digits',
    () => ({ list: answer(200, filled('{"results":[],"totalCount":', '1', '}')) }),
    502,
    'UPSTREAM_BAD_BODY',
  ],
  [
    'an error of megabytes',
    () => ({ list: answer(500, filled('{"errorCode":"A","parameters":[', '[],', '0]}')) }),
    502,
    'UPSTREAM_TOO_LARGE',
  ],
  [
    'a refusal of megabytes',
    () => ({ list: answer(403, filled('{"errorCode":"A","parameters":[', '[],', '0]}')) }),
    502,
    'UPSTREAM_TOO_LARGE',
  ],
  [
    'a 429 of megabytes',
    () => ({ list: answer(429, filled('{"errorCode":"A","parameters":[', '[],', '0]}')) }),
    502,
    'UPSTREAM_TOO_LARGE',
  ],
  [
    'a token with millions of scopes',
    () => ({
      token: answer(200, filled('{"access_token":"a","token_type":"bearer","scope":[', '[],', '0]}')),
    }),
    503,
    'CREDENTIALS_UNAVAILABLE',
  ],
];

describe('upstream responses are bounded before they are parsed', () => {
  let atlas: Hostile | undefined;
  let built: Built | undefined;
  afterEach(async () => {
    built?.child.kill('SIGKILL');
    await built?.ended;
    await atlas?.close();
  });
  afterAll(removeFolders);

  /** An Atlas that sends this, and a gateway in front of it with a timeout for slow machines. */
  async function start(misbehaviour: Partial<Hostile>): Promise<Hostile> {
    atlas = Object.assign(await startHostile(), misbehaviour);
    built = await serveBuilt(builtConfiguration(atlas.origin).replace('timeout: 2s', 'timeout: 15s'));
    return atlas;
  }

  const get = (project: { id: string }, headers: Record<string, string> = {}) =>
    ask(built?.origin ?? '', linksOf(project), { headers: { accept: ACCEPT, ...headers } });

  test.each(BOMBS)(
    '110: %s → its code, less than 200 MiB, and the next request is answered',
    async (_what, bomb, status, code) => {
      const misbehaving = await start(bomb());
      const reply = await get(orders);
      expect([reply.status, json(reply).errorCode]).toEqual([status, code]);
      expect(peakBytes(built?.child.pid)).toBeLessThan(MAX_PEAK_BYTES);
      misbehaving.list = undefined;
      if (misbehaving.token !== undefined) return;
      await expect.poll(async () => (await get(single)).status, { timeout: 10_000 }).toBe(200);
    },
  );

  test('110: error bodies of a megabyte → passed on, but not parsed', async () => {
    const body = filled('{"errorCode":"A","parameters":[', '[],', '0]}', 0.9);
    await start({ list: answer(403, body) });
    const reply = await get(orders);
    expect([reply.status, reply.text.length, reply.headers['x-error-code']]).toEqual([
      403,
      body.length,
      undefined,
    ]);
  });

  test('110: rate limits of 30 MiB → not read', async () => {
    const misbehaving = await start({
      list: answer(200, GOOD_LIST, { 'RateLimit-Remaining': '2' }),
      limits: answer(200, filled('{"results":[', '[],', '0]}')),
    });
    for (let times = 0; times < 2; times++)
      expect((await get(orders, { 'cache-control': 'no-cache' })).status).toBe(200);
    await expect
      .poll(async () => (await ask(built?.admin ?? '', '/metrics')).text, { timeout: 10_000 })
      .toContain('listRateLimits');
    expect(misbehaving.received.limits).toBe(1);
    expect(peakBytes(built?.child.pid)).toBeLessThan(MAX_PEAK_BYTES);
  });
});
