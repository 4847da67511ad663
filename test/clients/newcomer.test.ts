import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SAMPLE_CREDENTIALS } from '../../src/simulator/world.ts';
import { freePort } from '../support/free-port.ts';
import { expectPromisesKept, gettingStartedBlocks, statusesOf } from '../support/getting-started.ts';
import { shellBlocks } from '../support/markdown.ts';
import { startSimulator } from '../support/running.ts';
import { isRunnableByAll, paste, type Shell, type ShellOptions, startShell } from '../support/shell.ts';
import { isMissing, print } from './programs.ts';

/** `nobody`: neither root nor the owner of the repository. */
const NEWCOMER = 65_534;
/** npm installs some hundred packages, on machines that do other things too. */
const INSTALLED_WITHIN_MS = 240_000;
const FOLLOWED_WITHIN_MS = INSTALLED_WITHIN_MS + 60_000;
/** Two such installations, with npm's caches. */
const REMOVED_WITHIN_MS = 60_000;

const cannotFollow = ['bash', 'git', 'curl'].map((program) => isMissing(program, '--version')).includes(true);
const isOther = process.getuid?.() === 0 && isRunnableByAll(process.execPath);
const uid = isOther ? NEWCOMER : undefined;

/** The README's blocks that name this test. */
const readmeBlocks = shellBlocks(readFileSync('README.md', 'utf8'))
  .filter(({ before }) => before.endsWith('<!-- checked by test/clients/newcomer.test.ts -->'))
  .map(({ code }) => code);
const readmeBlock = (words: string) => readmeBlocks.find((block) => block.includes(words)) ?? '';

/** npm's registry and proxies belong to the machine, not to a user; the newcomer's empty HOME does not name them. */
function npmSettings(): [string, string][] {
  const names = ['registry', 'cafile', 'proxy', 'https-proxy', 'noproxy'];
  const { stdout } = spawnSync('npm', ['config', 'get', ...names], { encoding: 'utf8' });
  const settings = [...stdout.matchAll(/^([a-z-]+)=(.+)$/gm)]
    .filter(([, , value]) => value !== 'null')
    .map(([, name = '', value = '']): [string, string] => [`npm_config_${name.replaceAll('-', '_')}`, value]);
  const authorities = process.env['NODE_EXTRA_CA_CERTS'];
  return authorities === undefined ? settings : [...settings, ['NODE_EXTRA_CA_CERTS', authorities]];
}

/** The programs of this machine, without those that `npm run` adds, and with the Node.js of this test first. */
const path = [dirname(process.execPath), ...(process.env['PATH'] ?? '').split(delimiter)]
  .filter((folder) => !/node_modules\/\.bin|node-gyp-bin/.test(folder))
  .join(delimiter);

let folder: string;
let repository: string;
const shells: Shell[] = [];

const handOver = (...paths: readonly string[]) => {
  if (uid !== undefined) expect(spawnSync('chown', ['-R', `${uid}:${uid}`, ...paths]).status).toBe(0);
};

beforeAll(() => {
  if (cannotFollow) return;
  print(`the newcomer is ${isOther ? `user ${NEWCOMER}` : 'the current user'} on Node.js ${process.version}`);
  folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-newcomer-'));
  chmodSync(folder, 0o755);
  // Only what is committed. Git does not clone from a repository of another user.
  repository = join(folder, 'repository.git');
  const { status, stderr } = spawnSync('git', ['clone', '--quiet', '--bare', '.', repository], {
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([0, '']);
  handOver(repository);
});
afterAll(() => {
  for (const shell of shells) shell.kill();
  if (!cannotFollow) rmSync(folder, { recursive: true, force: true });
}, REMOVED_WITHIN_MS);

/** A newcomer with an empty home folder, in which the shell starts. */
function arrive(): ShellOptions {
  const home = mkdtempSync(join(folder, 'home-'));
  handOver(home);
  return {
    cwd: home,
    env: { ...Object.fromEntries(npmSettings()), HOME: home, TMPDIR: home, PATH: path },
    uid,
  };
}

/** Starts lines whose last one runs until it is interrupted. */
function start(script: string, options: ShellOptions): Shell {
  const shell = startShell(script, options);
  shells.push(shell);
  return shell;
}

/** Waits until a shell has printed something, or ended. */
async function printed(shell: Shell, words: string): Promise<void> {
  let ended = false;
  void shell.ended.then(() => {
    ended = true;
  });
  await expect
    .poll(() => ended || shell.output().includes(words), { timeout: INSTALLED_WITHIN_MS, interval: 100 })
    .toBe(true);
  expect(shell.output(), shell.errors()).toContain(words);
}

/** Like Ctrl-C; a shell ends by the signal too, or with 0 or 130. */
async function expectInterrupted(shell: Shell): Promise<void> {
  shell.interrupt();
  expect([0, 130, 'SIGINT']).toContain(await shell.ended);
}

/** The numbered steps that the demo prints, each as lines that are pasted together. */
const demoSteps = (guide: string) =>
  [...guide.matchAll(/^\d+\. (.+)\n.*\n((?: {2}curl .*\n)+)/gm)].map(([, title = '', lines = '']) => ({
    title,
    lines: lines.replaceAll(/^ {2}/gm, ''),
  }));

/** Pastes each step of the demo. */
async function expectSteps(guide: string, options: ShellOptions): Promise<void> {
  const steps = demoSteps(guide).flatMap((step) => (step.title.endsWith(', twice') ? [step, step] : [step]));
  const blocks = steps.map(({ lines }) => lines.replaceAll('curl -i', "curl -isw '\\n'"));
  const { code, errors, printed: outputs } = await paste(blocks, options);
  expect([code, errors]).toEqual([0, '']);
  expect(outputs.map(statusesOf)).toEqual([[200], [200], [200], [200, 403], [200], []]);
  const cacheStatus = outputs.map((text) => /^Cache-Status: atlas-gateway; (\S+?);/m.exec(text)?.[1]);
  expect(cacheStatus.slice(0, 3)).toEqual(['fwd=miss', 'hit', 'hit']);
  expect(outputs[3]).toContain('"errorCode":"PROJECT_FORBIDDEN"');
  expect(outputs[4]).toMatch(/^Cache-Status: .*detail=UPSTREAM_FAILED/m);
  expect(outputs[5]).toMatch(
    /^atlas_gateway_upstream_requests_total\{.*code="200"\} 4$[\s\S]*code="503"\} \d/m,
  );
}

/** The title of a page. */
async function titleOf(url: string): Promise<string | undefined> {
  const response = await fetch(url, { headers: { accept: 'text/html' } });
  return /<title>([^<]*)<\/title>/.exec(await response.text())?.[1];
}

interface Ports {
  readonly port: number;
  readonly admin: number;
}

async function expectDemo(options: ShellOptions, { port, admin }: Ports): Promise<void> {
  const block = readmeBlock('npm run demo');
  const demo = start(block.replace('npm run demo', `$& -- --port ${port} --admin-port ${admin}`), options);
  await printed(demo, 'Press Ctrl-C to stop.');
  expect(demo.output()).toMatch(new RegExp(`^Status page +http://127\\.0\\.0\\.1:${admin}/$`, 'm'));
  expect(await titleOf(`http://127.0.0.1:${admin}/`)).toContain('atlas-gateway');
  expect(await titleOf(`http://127.0.0.1:${port}/`)).toContain('atlas-gateway');
  await expectSteps(demo.output(), options);
  expect(demo.output()).toMatch(/^Next\n {2}docs\/getting-started\.md /m);
  await expectInterrupted(demo);
}

async function expectFirstConfiguration(options: ShellOptions, { port, admin }: Ports): Promise<void> {
  const { simulator, atlas } = await startSimulator();
  const { clientId, clientSecret } = SAMPLE_CREDENTIALS.serviceAccount;
  const env = {
    ...options.env,
    MONGODB_ATLAS_CLIENT_ID: clientId,
    MONGODB_ATLAS_CLIENT_SECRET: clientSecret,
    ATLAS_GATEWAY_UPSTREAM_ORIGIN: atlas,
    ATLAS_GATEWAY_LISTEN_PORT: String(port),
    ATLAS_GATEWAY_ADMIN_PORT: String(admin),
  };
  const gateway = start(readmeBlock('serve --config'), { ...options, env });
  await printed(gateway, 'listening on');
  expect(gateway.errors()).toBe('');
  expect(gateway.output()).toMatch(/Authorization: Bearer agw_[\s\S]*The configuration is valid\./);
  expect((await fetch(`http://127.0.0.1:${admin}/readyz`)).status).toBe(200);
  await expectInterrupted(gateway);
  await simulator.close();
}

test.skipIf(cannotFollow)(
  'README.md: the demo, then the first configuration',
  async () => {
    const options = arrive();
    expect((await paste([`git clone --quiet '${repository}' clone`], options)).errors).toBe('');
    const inClone = { ...options, cwd: join(options.cwd, 'clone') };
    const ports = { port: await freePort(), admin: await freePort() };
    await expectDemo(inClone, ports);
    await expectFirstConfiguration(inClone, ports);
  },
  FOLLOWED_WITHIN_MS,
);

test.skipIf(cannotFollow)(
  'docs/getting-started.md: every step, in zsh where it is installed',
  async () => {
    const options = arrive();
    const program = spawnSync('zsh', ['--version']).error === undefined ? 'zsh' : 'bash';
    const ports = { atlas: await freePort(), gateway: await freePort(), admin: await freePort() };
    const blocks = gettingStartedBlocks(ports, (block) =>
      block.replace('git clone …', `git clone --quiet '${repository}'`),
    );
    expect(blocks[0]).toContain('git clone');
    const env = {
      ...options.env,
      ATLAS_GATEWAY_LISTEN_PORT: String(ports.gateway),
      ATLAS_GATEWAY_ADMIN_PORT: String(ports.admin),
    };
    expectPromisesKept(blocks, await paste(blocks, { ...options, program, env }));
  },
  FOLLOWED_WITHIN_MS,
);
