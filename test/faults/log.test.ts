import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { openLogFile } from '../../src/observability/log-writer.ts';
import { SAMPLE_CREDENTIALS, SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { builtConfiguration, makeFolder, removeFolders } from '../support/built.ts';
import { createFakeClock, settled } from '../support/fake-clock.ts';
import { freePort } from '../support/free-port.ts';
import { ACCEPT, ask, linksOf, startSimulator } from '../support/running.ts';

const { orders } = SAMPLE_PROJECTS;
/** The machine may be busy. */
const SOON = { timeout: 10_000 };

const children: ChildProcess[] = [];

afterEach(() => {
  // After a failed test, its process is still running.
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(removeFolders);
vi.setConfig({ testTimeout: 60_000 });

interface Logging {
  readonly child: ChildProcess;
  /** Reads this number of lists sequentially. */
  read(times: number): Promise<Set<number>>;
  dropped(): Promise<number>;
  readonly exited: Promise<number | null>;
}

/** The built gateway with a given standard output: a descriptor, a pipe, or a file that `shell` redirects it to. */
async function serveLogging(
  atlas: string,
  output: { stdout?: number | 'pipe'; shell?: string; more?: string },
): Promise<Logging> {
  const [port, adminPort] = [await freePort(), await freePort()];
  const path = join(makeFolder(), 'gateway.yaml');
  const text = builtConfiguration(atlas, output.more ?? 'drain: { delay: 0s, deadline: 1s }')
    .replace('listen: { port: 0 }', `listen: { port: ${port} }`)
    .replace('admin: { port: 0 }', `admin: { port: ${adminPort} }`);
  writeFileSync(path, text);
  const command = [process.execPath, 'bin/atlas-gateway.js', 'serve', '--config', path];
  const { clientId, clientSecret } = SAMPLE_CREDENTIALS.serviceAccount;
  const child = spawn('sh', ['-c', output.shell ?? 'exec "$@"', 'sh', ...command], {
    env: { PATH: process.env['PATH'] ?? '', ID: clientId, SECRET: clientSecret },
    stdio: ['ignore', output.stdout ?? 'ignore', 'ignore'],
  });
  children.push(child);
  const exited = new Promise<number | null>((resolve) => child.on('exit', resolve));
  const [origin, admin] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${adminPort}`];
  const ready = () =>
    ask(admin, '/readyz').then(
      ({ status }) => status,
      () => 0,
    );
  await expect.poll(ready, { timeout: 20_000 }).toBe(200);
  return {
    child,
    exited,
    async read(times) {
      const statuses = new Set<number>();
      for (let index = 0; index < times; index++)
        statuses.add((await ask(origin, linksOf(orders), { headers: { accept: ACCEPT } })).status);
      return statuses;
    },
    async dropped() {
      const { text: metrics } = await ask(admin, '/metrics');
      return Number(/^atlas_gateway_log_lines_dropped_total (\d+)$/m.exec(metrics)?.[1]);
    },
  };
}

test.each([
  ['a pipe that is closed', 'pipe' as const],
  ['a full disk', openSync('/dev/full', 'w')],
])(
  '122: the log goes to %s → requests are served, every line is counted, SIGTERM stops the process',
  async (_what, stdout) => {
    const { simulator, atlas } = await startSimulator();
    const logging = await serveLogging(atlas, { stdout });
    const pipe = logging.child.stdout;
    let received = '';
    pipe?.on('data', (chunk) => {
      received += chunk;
    });
    await logging.read(1);
    // The start and the token have a line each; all lines of the first read arrive or are dropped before the others.
    if (pipe === null) await expect.poll(logging.dropped, SOON).toBe(3);
    else await expect.poll(() => received, SOON).toContain('"msg":"request"');
    pipe?.destroy();
    const before = await logging.dropped();
    expect(await logging.read(40)).toEqual(new Set([200]));
    await expect.poll(logging.dropped, SOON).toBe(before + 40);
    const asked = performance.now();
    logging.child.kill('SIGTERM');
    expect(await logging.exited).toBe(0);
    expect(performance.now() - asked).toBeLessThan(10_000);
    await simulator.close();
  },
);

test('122: nobody reads the log → requests are served, SIGTERM stops the process by its deadline', async () => {
  const { simulator, atlas } = await startSimulator();
  const logging = await serveLogging(atlas, { stdout: 'pipe' });
  // More than the capacity of a pipe.
  expect(await logging.read(2_000)).toEqual(new Set([200]));
  const asked = performance.now();
  logging.child.kill('SIGTERM');
  expect(await logging.exited).toBe(0);
  expect(performance.now() - asked).toBeLessThan(10_000);
  await simulator.close();
});

test.each([
  ['nobody reads', 'pipe' as const, 2_000],
  ['a full disk takes', openSync('/dev/full', 'w'), 1],
])('122: %s the log → a second signal stops the process immediately', async (_what, stdout, times) => {
  const { simulator, atlas } = await startSimulator();
  const logging = await serveLogging(atlas, { stdout, more: 'drain: { delay: 60s, deadline: 60s }' });
  await logging.read(times);
  const asked = performance.now();
  logging.child.kill('SIGTERM');
  logging.child.kill('SIGINT');
  expect(await logging.exited).toBe(1);
  expect(performance.now() - asked).toBeLessThan(10_000);
  await simulator.close();
});

test('122: the disk fills up in the middle of a line and has room again → no line is truncated, lost ones are counted', async () => {
  const { simulator, atlas } = await startSimulator();
  const log = join(makeFolder(), 'log');
  // A file size limit behaves like a full disk: first a short write, then an error.
  const logging = await serveLogging(atlas, { shell: `ulimit -f 8; exec "$@" >> '${log}'` });
  const count = 30;
  await logging.read(count);
  const whole = () => readFileSync(log, 'utf8').split('\n').length - 1;
  // The start and the token have a line each; the one that is cut waits.
  await expect.poll(async () => whole() + (await logging.dropped()), SOON).toBe(2 + count - 1);
  const before = readFileSync(log, 'utf8');
  expect(before).toHaveLength(4_096);
  truncateSync(log);
  await logging.read(1);
  await expect.poll(whole, SOON).toBe(2);
  const lines = (before + readFileSync(log, 'utf8')).trimEnd().split('\n');
  for (const line of lines) expect(() => JSON.parse(line)).not.toThrow();
  logging.child.kill('SIGTERM');
  expect(await logging.exited).toBe(0);
  await simulator.close();
});

test('122: a reader that stalls for a while → lines over the bound are counted one by one, the others arrive whole', async () => {
  const clock = createFakeClock();
  const pipe = join(makeFolder(), 'pipe');
  spawnSync('mkfifo', [pipe]);
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
  const log = openLogFile(writer, { clock }, { maxWaitingBytes: 200_000 });
  const count = 5_000;
  for (let index = 0; index < count; index++) log.write(`${String(index).padStart(99, '0')}\n`);
  await clock.advance(200);
  expect(log.dropped).toBeGreaterThan(0);
  let received = '';
  const receive = () => {
    const chunk = Buffer.alloc(65_536);
    try {
      received += chunk.toString('latin1', 0, readSync(reader, chunk));
    } catch {
      // The pipe is empty at the moment.
    }
  };
  let closed = false;
  void settled(clock, log.close()).then(() => {
    closed = true;
  });
  await expect
    .poll(() => {
      receive();
      return closed;
    }, SOON)
    .toBe(true);
  receive();
  const lines = received.trimEnd().split('\n');
  expect(new Set(lines.map(({ length }) => length))).toEqual(new Set([99]));
  expect(lines.length + log.dropped).toBe(count);
  closeSync(reader);
  closeSync(writer);
});
