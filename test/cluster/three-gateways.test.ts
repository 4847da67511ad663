import { Agent, get as httpGet } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSystemClock } from '../../src/lib/clock.ts';
import { createSystemRandom } from '../../src/lib/random.ts';
import { createSimulator, type Simulator } from '../../src/simulator/server.ts';
import { type Built, builtConfiguration, removeFolders, serveBuilt } from '../support/built.ts';
import { ENCRYPTION_KEY, hasRedis, type Redis, startRedis } from '../support/redis.ts';
import { ACCEPT } from '../support/running.ts';

const PROJECTS = 50;
const random = createSystemRandom();
const choose = (count: number) => Math.floor(random.fraction() * count);
const projects = Array.from({ length: PROJECTS }, (_none, index) => ({
  id: `7a${index.toString(16).padStart(22, '0')}`,
  name: `shared-${index}`,
  orgId: '5f0a1b2c3d4e5f6071829301',
  connections: 0,
  visible: true,
}));
const addressOf = ({ id }: { id: string }) => `/api/atlas/v2/groups/${id}/streams/privateLinkConnections`;
const itemsOf = ({ id }: { id: string }, version: number) =>
  Array.from({ length: 1 + (version % 7) }, (_none, index) => ({
    _id: `${id.slice(-8)}${String(version).padStart(8, '0')}${String(index).padStart(8, '0')}`,
    provider: 'AWS',
    vendor: `version ${version}`,
  }));

describe.skipIf(!hasRedis)('three gateways and a Redis', () => {
  let redis: Redis;
  let simulator: Simulator;
  let atlas: string;
  let gateways: Built[];
  const agent = new Agent({ keepAlive: true });

  const configuration = (fresh: string, timeout: string) =>
    builtConfiguration(
      atlas,
      `cache:
  fresh: ${fresh}
  staleWhileRevalidate: 1s
  # All of it runs on one machine, which is late for everything while 3 000 connections are made.
  shared: { url: { env: REDIS_URL }, encryptionKey: { env: KEY }, timeout: ${timeout} }
drain: { delay: 0s }`,
    )
      .replace('listen: { port: 0 }', "listen: { port: 0, publicUrl: 'http://gateway.test' }")
      .replace('timeout: 2s', 'timeout: 15s');
  const started: Built[] = [];
  async function serve(fresh: string, timeout = '150ms'): Promise<Built> {
    const env = { REDIS_URL: redis.url, KEY: ENCRYPTION_KEY };
    const gateway = await serveBuilt(configuration(fresh, timeout), { env });
    started.push(gateway);
    return gateway;
  }
  const end = (gateway: Built | undefined, signal: NodeJS.Signals) => {
    gateway?.child.kill(signal);
    return gateway?.ended;
  };

  function ask(gateway: Built | undefined, path: string, agentUsed: Agent | false = agent) {
    return new Promise<{ status: number; text: string; age: number }>((resolve) => {
      const broken = (error: Error) => resolve({ status: 0, text: error.message, age: 0 });
      const asked = httpGet(
        `${gateway?.origin}${path}`,
        { headers: { accept: ACCEPT }, agent: agentUsed },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              text: Buffer.concat(chunks).toString(),
              age: Number(response.headers.age ?? 0),
            }),
          );
          response.on('error', broken);
        },
      );
      asked.on('error', broken);
    });
  }
  const loads = () => simulator.requests.filter(({ target }) => target.includes('privateLink'));
  const walks = () => loads().filter(({ target }) => target.includes('itemsPerPage=500'));

  beforeAll(async () => {
    redis = await startRedis();
    simulator = createSimulator({ projects }, { clock: createSystemClock(), random });
    for (const project of projects) simulator.world.replace(addressOf(project), itemsOf(project, 0));
    atlas = await simulator.listen(0);
  });
  afterAll(async () => {
    await Promise.all(started.map((gateway) => end(gateway, 'SIGKILL')));
    agent.destroy();
    await simulator.close();
    await redis.stop();
    removeFolders();
  });

  test('3 000 concurrent cold requests over 50 projects cost one walk per project and one token', async () => {
    gateways = await Promise.all([1, 2, 3].map(() => serve('30s', '10s')));
    simulator.clearRequests();
    const replies = await Promise.all(
      Array.from({ length: 3_000 }, (_none, index) => {
        const project = projects[index % PROJECTS] ?? { id: '' };
        return ask(gateways[index % 3], addressOf(project)).then((reply) => ({ ...reply, project }));
      }),
    );
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
    for (const { text, project } of replies) expect(JSON.parse(text).results).toEqual(itemsOf(project, 0));
    // On a busy machine, all callers of a list may have been given pages before its walk is sent.
    await expect.poll(() => walks().length, { timeout: 20_000 }).toBeGreaterThanOrEqual(PROJECTS);
    expect(walks()).toHaveLength(PROJECTS);
    // On a busy machine, the two gateways without the lease ask for their callers' page after 300 ms, and the one with it after 1.5 s.
    expect(loads().length).toBeLessThanOrEqual(4 * PROJECTS);
    expect(simulator.requests.filter(({ target }) => target === '/api/oauth/token')).toHaveLength(1);
    await Promise.all(gateways.map((gateway) => end(gateway, 'SIGTERM')));
  }, 60_000);

  test('killing a gateway and restarting Redis under load causes no wrong response and no 5xx', async () => {
    gateways = await Promise.all([1, 2, 3].map(() => serve('200ms')));
    /** The versions of each list in Atlas, with the time from which each applied. */
    const histories = new Map(projects.map(({ id }) => [id, [{ version: 0, from: 0 }]]));
    const alive = new Set([0, 1, 2]);
    const wrong: string[] = [];
    let answers = 0;
    let stopped = false;
    const change = () => {
      const project = projects[choose(PROJECTS)] ?? { id: '' };
      const history = histories.get(project.id) ?? [];
      const version = history.length;
      history.push({ version, from: Date.now() });
      simulator.world.replace(addressOf(project), itemsOf(project, version));
    };
    async function client() {
      while (!stopped) {
        const index = choose(3);
        if (!alive.has(index)) continue;
        const project = projects[choose(PROJECTS)] ?? { id: '' };
        const { status, text, age } = await ask(gateways[index], addressOf(project));
        // A killed gateway sends no response; every other response must be correct.
        if (!alive.has(index)) continue;
        answers++;
        const now = Date.now();
        const history = histories.get(project.id) ?? [];
        // Age is in whole seconds; a load takes a moment, and another one if the request waited for it.
        const window = history.filter(
          (_one, at) => (history[at + 1]?.from ?? now) >= now - (age + 1) * 1_000 - 3_000,
        );
        const results = status === 200 ? JSON.stringify(JSON.parse(text).results) : '';
        if (!window.some(({ version }) => JSON.stringify(itemsOf(project, version)) === results))
          wrong.push(`${status} ${text.slice(0, 200)}`);
      }
    }
    const changing = setInterval(change, 10);
    const clients = Array.from({ length: 12 }, client);
    const answered = async (more: number) => {
      const until = answers + more;
      await expect.poll(() => answers, { timeout: 20_000 }).toBeGreaterThan(until);
    };
    await answered(200);
    const victim = choose(3);
    alive.delete(victim);
    await end(gateways[victim], 'SIGKILL');
    await answered(200);
    await redis.kill();
    await answered(200);
    await redis.restart();
    await expect
      .poll(() => redis.cli('KEYS', '*:value').split('\n').length, { timeout: 10_000 })
      .toBeGreaterThan(PROJECTS / 2);
    const late = await serve('200ms');
    gateways[victim] = late;
    alive.add(victim);
    await answered(200);
    stopped = true;
    await Promise.all(clients);
    clearInterval(changing);
    expect(wrong).toEqual([]);
    const survivors = gateways.filter((_one, index) => index !== victim);
    for (const { output } of survivors) expect(output()).not.toMatch(/"status":5\d\d/);
    expect(late.output()).not.toMatch(/"status":5\d\d/);
    const codes = await Promise.all(gateways.map((gateway) => end(gateway, 'SIGTERM')));
    expect(codes).toEqual([0, 0, 0]);
  }, 90_000);
});
