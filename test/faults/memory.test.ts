import { Agent, request } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { digestAnswer, testKey } from '../support/caller-keys.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { answer, type Hostile, startHostile } from '../support/hostile.ts';
import { heldByProcess } from '../support/process-memory.ts';
import { ACCEPT, ask, linksOf, type Running, startGateway } from '../support/running.ts';

const { orders } = SAMPLE_PROJECTS;
const MIB = 1_048_576;
const KEYS = 200;
const keys = Array.from({ length: KEYS }, (_none, number) => testKey(number));
const callers = keys.map(({ id, sha256 }) => ({
  name: id,
  keys: [{ id, sha256, ha1: { file: id } }],
  projects: [orders.id],
}));
const files = Object.fromEntries(keys.map(({ id, ha1 }) => [id, ha1]));
/** Long enough for a page to be compressed. */
const LIST = JSON.stringify({
  links: [],
  results: Array.from({ length: 20 }, (_none, index) => ({ _id: `${index}`.padStart(100, '0') })),
  totalCount: 20,
});

describe('memory grows within its accounting', () => {
  let atlas: Hostile;
  let clock: FakeClock;
  let running: Running;
  let agent: Agent;
  beforeEach(async () => {
    atlas = await startHostile();
    atlas.list = answer(200, LIST);
    clock = createFakeClock();
    agent = new Agent({ keepAlive: true, maxSockets: 1 });
    running = await startGateway({
      clock,
      files,
      origin: atlas.origin,
      config: {
        upstream: { origin: atlas.origin },
        callers,
        cache: { maxBytes: 1_024 * MIB, projectShare: 1 },
      },
    });
  });
  afterEach(async () => {
    agent.destroy();
    await running.stop();
    await atlas.close();
  });

  /** Status of a response, whose body is discarded. Advances the clock by a second, in which Atlas's rate limit recovers. */
  async function get(path: string, headers: Record<string, string> = {}): Promise<number | undefined> {
    await clock.advance(1_000);
    return new Promise((resolve, reject) => {
      request(`${running.origin}${path}`, { agent, headers: { accept: ACCEPT, ...headers } }, (response) =>
        response.resume().on('end', () => resolve(response.statusCode)),
      )
        .on('error', reject)
        .end();
    });
  }

  const countedBytes = async () => {
    const { text } = await ask(running.admin, '/metrics');
    return Number(/^atlas_gateway_cache_bytes (\d+)/m.exec(text)?.[1]);
  };

  /** Growth of the process and of the accounted bytes by `count` requests, after a few rounds of `warmUp`. */
  async function growthOf(count: number, once: (number: number) => Promise<unknown>, warmUp = once) {
    for (let number = count; number < count + KEYS; number++) await warmUp(number);
    running.logLines.length = 0;
    const [held, counted] = [await heldByProcess(), await countedBytes()];
    for (let number = 0; number < count; number++) await once(number);
    running.logLines.length = 0;
    return { held: (await heldByProcess()) - held, counted: (await countedBytes()) - counted };
  }

  const tokenOf = async ({ basic }: { basic: string }) => {
    const { text } = await ask(running.origin, '/api/oauth/token', {
      method: 'POST',
      headers: { authorization: basic },
      body: 'grant_type=client_credentials',
    });
    return String(JSON.parse(text).access_token);
  };

  const spaces = (number: number) => ' '.repeat(9_000 - (number % 10));
  const keyOf = (number: number) => keys[number % KEYS] ?? testKey(0);

  test('88: keys, each with 9 000 spaces before it', async () => {
    const present = (number: number, between: string) =>
      get(linksOf(orders), { authorization: keyOf(number).bearer.replace(' ', between) });
    const { held } = await growthOf(
      2 * KEYS,
      (number) => present(number, spaces(number)),
      (number) => present(number, ' '),
    );
    expect(held).toBeLessThan(2 * MIB);
  });

  test('88: one token with 1 to 9 000 spaces before it', async () => {
    const token = await tokenOf(keyOf(0));
    const { held } = await growthOf(1_000, (number) =>
      get(linksOf(orders), { authorization: `Bearer${' '.repeat(1 + 9 * (number % 1_000))}${token}` }),
    );
    expect(held).toBeLessThan(MIB);
  });

  test('88: digest answers with 9 000 spaces in them', async () => {
    const { held } = await growthOf(500, async (number) => {
      const path = linksOf(orders);
      const { headers } = await ask(running.origin, path, { headers: { authorization: 'Bearer none' } });
      const digest = digestAnswer(headers['www-authenticate'] ?? '', keyOf(number), path);
      expect(await get(path, { authorization: digest.replace(' ', spaces(number)) })).toBe(200);
    });
    expect(held).toBeLessThan(2 * MIB);
  });

  const filtered = (filter: string, rest = '') =>
    `/api/atlas/v2/groups/${orders.id}/streams/vpcPeeringConnections?requesterAccountId=${filter}${rest}`;

  test.each<[string, (number: number) => Promise<unknown>]>([
    ['lists with filters', (number) => get(filtered(`${number}-${'x'.repeat(350)}`))],
    [
      'lists with filters that grow when they are encoded',
      (number) => get(filtered(`${number}-${'@'.repeat(350)}`)),
    ],
    ['lists with long filters', (number) => get(filtered(`${number}-${'@'.repeat(1_000)}`))],
    [
      'pages of a list with a long filter',
      (number) => get(filtered('@'.repeat(1_000), `&pageNum=${number + 1}`)),
    ],
    [
      'pages, asked for with long headers',
      (number) =>
        get(linksOf(orders, `?pageNum=${(number % 20) + 1}&itemsPerPage=${15 + Math.floor(number / 20)}`), {
          'accept-encoding': `${number}`.padEnd(9_000, 'x'),
          'if-none-match': `"${number}"`.padEnd(2_000, ','),
          'cache-control': `max-age=${100_000 + number}`,
        }),
    ],
  ])('88: %s', async (_what, once) => {
    const { held, counted } = await growthOf(900, once);
    expect(held / counted).toBeLessThan(1.3);
  });

  test('88: lists that come with long headers', async () => {
    const long = 'x'.repeat(15_000);
    atlas.list = answer(200, LIST, { Deprecation: long, Sunset: long });
    const { held, counted } = await growthOf(400, (number) => get(filtered(`${number}`)));
    expect(held / counted).toBeLessThan(1.3);
  });
});
