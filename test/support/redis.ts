import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClusterHandlers, createCluster } from '../../src/cluster/cluster.ts';
import type { SharedEvent } from '../../src/cluster/events.ts';
import { createRedisClient } from '../../src/cluster/redis-client.ts';
import { readRedisUrl } from '../../src/cluster/redis-url.ts';
import { createSealedStore } from '../../src/cluster/sealed-store.ts';
import { type Clock, createSystemClock } from '../../src/lib/clock.ts';
import { createSystemRandom } from '../../src/lib/random.ts';
import { createSeal } from '../../src/lib/sealed-box.ts';
import { createBudget } from '../../src/upstream/budget/budget.ts';
import { freePort } from './free-port.ts';

/** A separate redis-server without persistence. */
export interface Redis {
  readonly url: string;
  readonly port: number;
  /** Runs one redis-cli command and returns its output. */
  cli(...command: string[]): string;
  /** Kills it, as a crash would. */
  kill(): Promise<void>;
  /** Restarts it on the same port, without data. */
  restart(): Promise<void>;
  /** Suspends and resumes the process. */
  stall(): void;
  resume(): void;
  stop(): Promise<void>;
}

/** Whether redis-server is installed; prints a note if not. */
export const hasRedis = spawnSync('redis-server', ['--version']).status === 0;
if (!hasRedis)
  process.stdout.write('redis-server is not installed here: tests of the shared tier are skipped\n');

export const ENCRYPTION_KEY = 'a key of the shared tier that tests encrypt with';

export async function startRedis(more: readonly string[] = []): Promise<Redis> {
  const folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-redis-'));
  const port = await freePort();
  let child: ChildProcess;
  let ended: Promise<unknown>;
  const password = more[more.indexOf('--requirepass') + 1];
  const login =
    more.includes('--requirepass') && password !== undefined ? ['-a', password, '--no-auth-warning'] : [];
  const cli = (...command: string[]) =>
    spawnSync('redis-cli', ['-p', String(port), ...login, ...command], { encoding: 'utf8' }).stdout.trim();
  async function start(): Promise<void> {
    child = spawn(
      'redis-server',
      [
        '--port',
        String(port),
        '--bind',
        '127.0.0.1',
        '--save',
        '',
        '--appendonly',
        'no',
        '--dir',
        folder,
        ...more,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    ended = new Promise((resolve) => child.on('close', resolve));
    await new Promise<void>((resolve, reject) => {
      child.on('error', reject);
      child.stdout?.on('data', (text: Buffer) => {
        if (text.includes('Ready to accept connections')) resolve();
      });
    });
  }
  async function kill(): Promise<void> {
    child.kill('SIGKILL');
    await ended;
  }
  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    cli,
    kill,
    restart: start,
    stall: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    async stop() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A TCP proxy that can add latency or block all traffic. */
export interface Slowness {
  readonly port: number;
  delayMs: number;
  stalled: boolean;
  close(): void;
}

export async function startSlowness(target: number): Promise<Slowness> {
  const sockets = new Set<Socket>();
  const state: Slowness = {
    port: 0,
    delayMs: 0,
    stalled: false,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    upstream.on('data', (data) => client.write(data));
    client.on('data', (data) => {
      if (state.stalled) return;
      if (state.delayMs === 0) upstream.write(data);
      else setTimeout(() => upstream.write(data), state.delayMs);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return Object.assign(state, { port: typeof address === 'object' && address !== null ? address.port : 0 });
}

/** The shared-tier client of one gateway, without the gateway. */
export async function joinGroup(
  url: string,
  {
    handlers = {},
    encryptionKey = ENCRYPTION_KEY,
    otherKey,
    namespace = 'test',
    clock = createSystemClock(),
    ca,
  }: {
    handlers?: Partial<ClusterHandlers>;
    encryptionKey?: string;
    otherKey?: string;
    namespace?: string;
    clock?: Clock;
    ca?: string;
  } = {},
) {
  const random = createSystemRandom();
  const address = readRedisUrl(url);
  if (address === undefined) throw new Error(`${url} is not a valid Redis URL`);
  const events: SharedEvent[] = [];
  const engine = createRedisClient(
    { address, timeoutMs: 1_000, ...(ca === undefined ? {} : { ca }) },
    { clock, random, observe: (event) => void events.push(event) },
  );
  const seal = createSeal({ encryptionKey, otherKey, maxBytes: 1_000_000 }, { random });
  const budget = createBudget({ clock });
  const parts = { engine, seal, clock, random };
  const group = createCluster({ namespace }, { ...parts, budget });
  const values = createSealedStore({ channel: group.channel, maxBytes: 1_000_000 }, parts);
  await group.open({
    onPurge: () => undefined,
    onDoubt: () => undefined,
    onGap: () => undefined,
    onNews: () => undefined,
    onMissedNews: () => undefined,
    onChange: values.notifyChanged,
    ...handlers,
  });
  return { engine, seal, budget, values, group, clock, events };
}
