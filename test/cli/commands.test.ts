import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { showsColours } from '../../src/cli/colours.ts';
import { demoGuide } from '../../src/cli/demo-guide.ts';
import { say } from '../support/command.ts';
import { ask } from '../support/running.ts';

const children: ChildProcessWithoutNullStreams[] = [];

/** The installed program: built, in a separate process, with a minimal environment. */
function start(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, ['bin/atlas-gateway.js', ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  children.push(child);
  const output = { out: '', err: '' };
  child.stdout.on('data', (chunk) => {
    output.out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output.err += chunk;
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  return { child, output, ended };
}

async function run(args: readonly string[], env: Record<string, string> = {}) {
  const { output, ended } = start(args, env);
  const code = await ended;
  return { code, ...output };
}

const servers: Server[] = [];

/** A port that is in use until the end of the test. */
async function takePort(): Promise<number> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const server of servers.splice(0)) server.close();
});

describe('the command line', () => {
  test('exits with its code and prints to the right stream', async () => {
    expect(await run(['srve'])).toMatchObject({ code: 2, out: '' });
    expect(await run(['serve', '--help'])).toMatchObject({ code: 0, err: '' });
  });

  test('without a command lists the commands and exits with 2', async () => {
    const { code, err } = await say([]);
    expect(code).toBe(2);
    for (const name of [
      'serve',
      'demo',
      'check',
      'new-key',
      'healthcheck',
      'simulator',
      'completion',
      'help',
    ])
      expect(err).toContain(name);
  });

  test.each(['serve', 'demo', 'check', 'new-key', 'healthcheck', 'simulator', 'completion', 'help'])(
    '%s has help',
    async (name) => {
      const { code, out } = await say([name, '--help']);
      expect(code).toBe(0);
      expect(out).toContain(`Usage: atlas-gateway ${name}`);
    },
  );

  test.each([
    [['srve'], "atlas-gateway: unknown command 'srve' (Did you mean serve?)\n"],
    [['serve', '--confg', 'x'], "unknown option '--confg' (Did you mean --config?)"],
    [['serve', '--config'], '--config needs a value'],
    [['new-key', '--caller'], '--caller needs a value'],
    [['serve', '--config='], '--config needs a value'],
    [['serve', 'gateway.yaml'], "unexpected argument 'gateway.yaml': serve takes no arguments"],
    [['serve', '--port', '1'], "unknown option '--port'"],
    [['demo', '--port', '1', '--admin-port', '1'], '--port and --admin-port must differ'],
    [['simulator', '--port', '1e3'], '--port must be a port from 0 to 65535'],
    [['demo', '--port', 'x'], '--port must be a port from 0 to 65535'],
    [['new-key'], '--caller NAME is required'],
    [['serve'], 'atlas-gateway demo'],
    [
      ['check', '--config', 'nowhere.yaml'],
      'nowhere.yaml: cannot be read; check the path given with --config',
    ],
  ])('%j exits with 2 and prints: %s', async (args, sentence) => {
    const { code, err } = await say(args, { readFile: (path) => readFileSync(path, 'utf8') });
    expect(code).toBe(2);
    expect(err).toContain(sentence);
  });

  test('healthcheck exits with 1 without a response', async () => {
    const { code, err } = await say(['healthcheck', '--url', 'http://127.0.0.1:1']);
    expect(code).toBe(1);
    expect(err).toBe('not ready: no response from http://127.0.0.1:1\n');
  });
});

describe('serve', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const configure = (text: string) => {
    const path = join(folder, 'gateway.yaml');
    writeFileSync(path, text);
    return path;
  };

  test('accepts a key created by new-key, becomes ready, and exits with 0 on SIGTERM', async () => {
    const simulated = start(['simulator', '--port', '0']);
    await expect.poll(() => simulated.output.out, { timeout: 10_000 }).toContain('Projects:');
    const atlas = /http:\S+\d/.exec(simulated.output.out)?.[0] ?? '';
    const [, id, secret] = /service account {2}(\S+) : (\S+)/.exec(simulated.output.out) ?? [];
    const made = await run(['new-key', '--caller', 'team']);
    const key = /Bearer (\S+)/.exec(made.out)?.[1] ?? '';
    expect(made.out).toContain(createHash('sha256').update(key.slice(-43)).digest('hex'));
    writeFileSync(join(folder, 'secret'), `${secret}\n`);
    const lines = made.out.slice(made.out.indexOf('callers:'));
    const path = configure(
      `listen: { port: 0 }\nadmin: { port: 0 }\nupstream: { origin: '${atlas}' }\ndrain: { delay: 0s }\ncredentials:\n  - name: c\n    serviceAccount: { clientId: { env: ID }, clientSecret: { file: secret } }\n${lines}`,
    );
    const env = { ID: id ?? '' };
    expect((await run(['check', '--config', path], env)).out).toContain('The configuration is valid.');
    const gateway = start(['serve', '--config', path], env);
    await expect.poll(() => gateway.output.out, { timeout: 10_000 }).toContain('listening on');
    const [origin = '', admin = ''] = gateway.output.out.match(/http:\/\/[\d.:]+/g) ?? [];
    const list =
      '/api/atlas/v2/groups/64b7c0ffee0000000000a001/streams/privateLinkConnections?itemsPerPage=1';
    const headers = { accept: 'application/vnd.atlas.2023-02-01+json', authorization: `Bearer ${key}` };
    expect((await ask(origin, list, { headers })).status).toBe(200);
    expect((await ask(origin, list, { headers: { accept: headers.accept } })).status).toBe(401);
    expect(await run(['healthcheck', '--url', admin])).toMatchObject({ code: 0, out: 'ready\n' });
    gateway.child.kill('SIGTERM');
    expect(await gateway.ended).toBe(0);
    for (const line of gateway.output.out.trim().split('\n')) expect(() => JSON.parse(line)).not.toThrow();
    expect(gateway.output.out).not.toContain(secret);
    expect(gateway.output.err).toBe('');
  });

  test('reports the port in use and exits with 1', async () => {
    const port = await takePort();
    const env = {
      MONGODB_ATLAS_CLIENT_ID: 'a',
      MONGODB_ATLAS_CLIENT_SECRET: 'a-secret-of-22-letters',
      ATLAS_GATEWAY_LISTEN_PORT: String(port),
      ATLAS_GATEWAY_ADMIN_PORT: '0',
    };
    const { code, err } = await run(['serve'], env);
    expect(code).toBe(1);
    expect(err).toBe(
      `atlas-gateway: Port ${port} on 127.0.0.1 is in use: stop the process that listens there, or set listen.port to another port.\n`,
    );
  });

  test('with an invalid configuration exits with 2 and reports file and line', async () => {
    const path = configure('cache: { fresh: soon }\ncredentials: []\n');
    const { code, err } = await run(['serve', '--config', path]);
    expect(code).toBe(2);
    expect(err).toContain(`${path}:1 cache.fresh: 'soon' is not a valid duration; use e.g. 30s`);
    expect(err).toContain(`${path}:2 credentials: add at least one credential`);
  });
});

describe('demo', () => {
  const paste = (lines: string) =>
    new Promise<string>((resolve) => {
      const shell = spawn('sh', ['-c', lines]);
      let out = '';
      shell.stdout.on('data', (chunk) => {
        out += chunk;
      });
      shell.on('close', () => resolve(out));
    });
  /** The lines of each step, to be pasted together. */
  const stepsIn = (guide: string) =>
    guide
      .split(/^\d\. .*$/m)
      .slice(1)
      .map((step) => [...step.matchAll(/^ {2}curl .*$/gm)].map(([line]) => line).join('\n'));

  test('prints addresses and numbered steps that work when pasted', async () => {
    const demo = start(['demo', '--port', '0', '--admin-port', '0']);
    await expect.poll(() => demo.output.out, { timeout: 10_000 }).toContain('Press Ctrl-C to stop');
    const [, status = ''] = /^Status page +(\S+)$/m.exec(demo.output.out) ?? [];
    const steps = stepsIn(demo.output.out);
    expect(steps).toHaveLength(5);
    const [first = '', format = '', team = '', outage = '', calls = ''] = steps;
    expect(await paste(first)).toMatch(/^HTTP\/1.1 200[\s\S]*Cache-Status: atlas-gateway; fwd=miss/);
    expect(await paste(first)).toMatch(/Cache-Status: atlas-gateway; hit/);
    expect(await paste(format)).toMatch(/Cache-Status: atlas-gateway; hit[\s\S]*"totalCount" : 1234/);
    expect(await paste(team)).toMatch(/^HTTP\/1.1 200[\s\S]*HTTP\/1.1 403[\s\S]*PROJECT_FORBIDDEN/);
    expect(await paste(outage)).toMatch(
      /^HTTP\/1.1 200[\s\S]*Cache-Status: atlas-gateway; fwd=request;.*detail=UPSTREAM_FAILED/,
    );
    const counted = await paste(calls);
    for (const code of [200, 503])
      expect(counted).toContain(
        `operation="listGroupStreamPrivateLinkConnections",credential="demo",code="${code}"`,
      );
    expect((await ask(status.replace(/\/$/, ''), '/')).text).toContain('<html');
    expect(demo.output.out.slice(demo.output.out.indexOf('Press Ctrl-C'))).toBe('Press Ctrl-C to stop.\n\n');
    demo.child.kill('SIGINT');
    expect(await demo.ended).toBe(0);
  });

  test.each(['--port', '--admin-port'])('names the flag of a port in use: %s', async (flag) => {
    const port = await takePort();
    const other = flag === '--port' ? '--admin-port' : '--port';
    expect(await say(['demo', flag, String(port), other, '0'])).toMatchObject({
      code: 1,
      err: `atlas-gateway: Port ${port} on 127.0.0.1 is in use: stop the process that listens there, or set ${flag} to another port.\n`,
    });
  });

  test.each([[['demo', '--port', '0', '--admin-port', '0']], [['simulator', '--port', '0']]])(
    '%j handles a signal that arrives while it prints that it runs',
    async (args) => {
      let handlesSignals = false;
      const handledFrom: boolean[] = [];
      const { code } = await say(args, {
        print: () => void handledFrom.push(handlesSignals),
        async shutdownSignal() {
          handlesSignals = true;
          return 'SIGTERM';
        },
      });
      expect(code).toBe(0);
      expect(handledFrom).not.toContain(false);
    },
  );

  test('prints a line per request with --verbose', async () => {
    const demo = start(['demo', '--port', '0', '--admin-port', '0', '--verbose']);
    await expect.poll(() => demo.output.out, { timeout: 10_000 }).toContain('Press Ctrl-C to stop');
    await paste(stepsIn(demo.output.out)[0] ?? '');
    await expect.poll(() => demo.output.out).toMatch(/Press Ctrl-C[\s\S]*request/);
  });

  test('colours its steps on a terminal only, and not where NO_COLOR is set', () => {
    const origin = 'http://127.0.0.1:1';
    const guide = (colour: boolean) =>
      demoGuide({
        ...{ publicOrigin: origin, adminOrigin: origin, simulatorOrigin: origin, colour },
        ordersKey: { id: 'agw_1', secret: 's' },
      });
    expect(guide(true)).toContain('\u001b[1m1. Read a list');
    expect(stripVTControlCharacters(guide(true))).toBe(guide(false));
    expect(showsColours({ isTerminal: true, env: {} })).toBe(true);
    expect(showsColours({ isTerminal: true, env: { NO_COLOR: '1' } })).toBe(false);
    expect(showsColours({ isTerminal: false, env: {} })).toBe(false);
  });
});
