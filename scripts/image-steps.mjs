// Tests deploy/Dockerfile without a container engine: runs its RUN and COPY lines in empty folders as a separate user, removes all write
// permissions, starts the result as the image's user, probes it with the image's HEALTHCHECK and stops it with its STOPSIGNAL. Run as
// root, the users differ as in a container; otherwise there is a single user, for whom the tree is read-only as well.
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { createContextFilter, execForm, lastOf, pairs, readDockerfile } from './dockerfile.mjs';

const READY_WITHIN_MS = 20_000;
const ENDED_WITHIN_MS = 30_000;
const isRoot = process.getuid?.() === 0;
/** Neither root nor the image's user. */
const BUILDER = 65_533;
const context = join(import.meta.dirname, '..');
const print = (line) => void process.stdout.write(`${line}\n`);
const asUser = (id) => (isRoot ? { uid: id, gid: id } : {});

function check(sentence, good, details = '') {
  print(`${good ? 'ok    ' : 'not ok'} ${sentence}${good || details === '' ? '' : `\n${details}`}`);
  if (!good) throw new Error(sentence);
}

const everyPath = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).map((entry) => ({
    path: join(entry.parentPath, entry.name),
    entry,
  }));

/** The Node.js of the image's base, from the registry; the running one if the version matches. */
function installNode(version, folder) {
  if (process.versions.node.split('.')[0] === version) return dirname(process.execPath);
  mkdirSync(folder);
  const args = ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', `node@${version}`];
  const { status, stderr } = spawnSync('npm', args, { encoding: 'utf8' });
  check(`Node.js ${version} is installed for the steps`, status === 0, stderr);
  return join(folder, 'node_modules/node/bin');
}

/** Builds the stages; returns the folder of each. The last one is the image. */
function build(stages, { folder, path, filter }) {
  const roots = new Map();
  const cache = join(folder, 'npm-cache');
  const home = join(folder, 'home');
  for (const made of [cache, home]) {
    mkdirSync(made);
    if (isRoot) chownSync(made, BUILDER, BUILDER);
  }
  // npm's registry and proxy settings belong to this machine, not to the project, and are passed on.
  const kept = Object.entries(process.env).filter(([name]) =>
    /^(npm_config_.*|https?_proxy|no_proxy|node_extra_ca_certs)$/i.test(name),
  );
  const env = {
    ...Object.fromEntries(kept),
    PATH: path,
    HOME: home,
    TMPDIR: home,
    npm_config_cache: cache,
    npm_config_update_notifier: 'false',
  };
  for (const [index, { name, instructions }] of stages.entries()) {
    const root = join(folder, `stage-${name ?? index}`);
    roots.set(name ?? String(index), root);
    let cwd = root;
    mkdirSync(root);
    for (const { keyword, flags, text } of instructions) {
      if (keyword === 'WORKDIR') {
        cwd = join(root, text);
        mkdirSync(cwd, { recursive: true });
        if (isRoot) chownSync(cwd, BUILDER, BUILDER);
      } else if (keyword === 'COPY') {
        const words = text.split(' ');
        const target = words.pop() ?? '';
        const from = flags.from === undefined ? context : (roots.get(flags.from) ?? '');
        for (const source of words) {
          if (flags.from === undefined && !filter.admits(source))
            throw new Error(`COPY ${source}: the .dockerignore excludes it from the context`);
          cpSync(
            join(from, source),
            join(cwd, target.endsWith('/') ? join(target, basename(source)) : target),
            { recursive: true },
          );
        }
      } else if (keyword === 'RUN') {
        const { status, stdout, stderr } = spawnSync('sh', ['-c', text], {
          cwd,
          env,
          encoding: 'utf8',
          ...asUser(BUILDER),
        });
        check(`${name ?? 'image'}: ${text}`, status === 0, `${stdout}${stderr}`);
      }
    }
  }
  return [...roots.values()].at(-1) ?? '';
}

/** Checks the content of the image: the program and its packages. */
function inspect(app) {
  const expected = ['LICENSE', 'bin', 'package.json'];
  const found = readdirSync(app).sort();
  check(
    `the image holds ${expected.join(', ')} and nothing else`,
    `${found}` === `${expected}`,
    `found ${found}`,
  );
  const manifests = everyPath(join(app, 'bin/third-party')).filter(
    ({ path }) => basename(path) === 'package.json',
  );
  check(`it names the ${manifests.length} packages that are in it`, manifests.length > 0);
  const bytes = everyPath(app).reduce(
    (sum, { path, entry }) => sum + (entry.isFile() ? statSync(path).size : 0),
    0,
  );
  print(`       ${(bytes / 2 ** 20).toFixed(1)} MiB on top of the base image`);
}

function makeReadOnly(folder) {
  for (const { path, entry } of everyPath(folder)) {
    if (!entry.isSymbolicLink()) chmodSync(path, statSync(path).mode & 0o555);
  }
  chmodSync(folder, 0o555);
}

/** Restores the permissions needed to remove the folder. */
function makeWritable(folder) {
  for (const { path, entry } of everyPath(folder)) if (entry.isDirectory()) chmodSync(path, 0o755);
}

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

const statusOf = (url, headers) =>
  new Promise((resolve, reject) => {
    request(url, { headers, agent: false }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode));
    })
      .on('error', reject)
      .end();
  });

/** A process with its output and its exit. */
function start([command, ...args], options) {
  const child = spawn(command, args, options);
  let output = '';
  const watchers = new Set();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
      for (const watcher of watchers) watcher();
    });
  }
  const ended = new Promise((resolve) => child.on('close', (code, signal) => resolve(code ?? signal)));
  const within = (ms, promise) => {
    let timer;
    const late = new Promise((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`nothing within ${ms} ms; it printed:\n${output}`)), ms);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
  };
  return {
    child,
    output: () => output,
    ended: () => within(ENDED_WITHIN_MS, ended),
    printed: (pattern) =>
      within(
        READY_WITHIN_MS,
        new Promise((resolve, reject) => {
          const look = () => {
            const found = pattern.exec(output);
            if (found !== null) resolve(found);
          };
          watchers.add(look);
          look();
          ended.then((code) => reject(new Error(`it ended with ${code}; it printed:\n${output}`)));
        }),
      ),
  };
}

/** Starts the image in front of a simulated Atlas, reads a list through it, and stops it. */
async function run(stage, { root, folder, path }) {
  const user = Number(/^(\d+):\d+$/.exec(lastOf(stage, 'USER')?.text ?? '')?.[1]);
  check('the image names its user by a number that is not root', user > 0);
  const temporary = join(folder, 'tmp');
  mkdirSync(temporary);
  chmodSync(temporary, 0o777);
  const inside = (words) => words.map((word) => (word.startsWith('/') ? join(root, word) : word));
  const environment = pairs(stage, 'ENV');
  const configuration = join(root, environment.get('ATLAS_GATEWAY_CONFIG') ?? '');
  const adminPort = String(await freePort());
  const env = {
    ...Object.fromEntries(environment),
    ATLAS_GATEWAY_CONFIG: configuration,
    ATLAS_GATEWAY_LISTEN_PORT: '0',
    ATLAS_GATEWAY_ADMIN_PORT: adminPort,
    PATH: path,
    TMPDIR: temporary,
  };
  const options = { env, cwd: join(root, lastOf(stage, 'WORKDIR')?.text ?? ''), ...asUser(user) };
  const entry = inside(execForm(lastOf(stage, 'ENTRYPOINT')?.text ?? ''));
  const processes = [];
  const launch = (words) => {
    const process = start(words, options);
    processes.push(process);
    return process;
  };
  try {
    const simulated = launch([...entry, 'simulator', '--port', '0']);
    const [, atlas, clientId, clientSecret] = await simulated.printed(
      /(http:\S+\d)[\s\S]*service account {2}(\S+) : (\S+)[\s\S]*Projects:/,
    );
    // As in a deployment, secrets are files that the image's user can read.
    for (const [name, text] of [
      ['client-id', clientId],
      ['client-secret', clientSecret],
    ])
      writeFileSync(join(folder, name), `${text}\n`, { mode: 0o444 });
    const made = launch([...entry, 'new-key', '--caller', 'team']);
    await made.ended();
    const key = /Bearer (\S+)/.exec(made.output())?.[1];
    mkdirSync(dirname(configuration), { recursive: true });
    writeFileSync(
      configuration,
      `listen: { publicUrl: 'http://127.0.0.1' }
upstream: { origin: '${atlas}' }
credentials:
  - name: sample
    serviceAccount: { clientId: { file: ${join(folder, 'client-id')} }, clientSecret: { file: ${join(folder, 'client-secret')} } }
${made.output().slice(made.output().indexOf('callers:'))}`,
    );
    makeReadOnly(root);
    const written = spawnSync('sh', ['-c', 'echo >written || echo >bin/written'], options);
    check('its user can write nothing of it', written.status !== 0);

    const [, healthcheck = ''] = /^CMD (.*)$/.exec(lastOf(stage, 'HEALTHCHECK')?.text ?? '') ?? [];
    const health = () => launch(inside(execForm(healthcheck))).ended();
    check('the healthcheck fails before the start', (await health()) === 1);
    const gateway = launch([...entry, ...execForm(lastOf(stage, 'CMD')?.text ?? '')]);
    const [, port] = await gateway.printed(/listening on http:\/\/0\.0\.0\.0:(\d+)/);
    check(
      `it starts${isRoot ? ` as user ${user}` : ''} on a read-only tree and listens on every address`,
      true,
    );
    check('the healthcheck passes', (await health()) === 0);
    const [, project] = /\b([a-f0-9]{24})\b/.exec(simulated.output()) ?? [];
    const list = `http://127.0.0.1:${port}/api/atlas/v2/groups/${project}/streams/privateLinkConnections`;
    const headers = { accept: 'application/vnd.atlas.2023-02-01+json', authorization: `Bearer ${key}` };
    check('a caller reads a list through it', (await statusOf(list, headers)) === 200);
    gateway.child.kill('SIGUSR1');
    check('a signal starts no debugger in it', (await health()) === 0 && !/debugger/i.test(gateway.output()));
    check('its admin listener is on loopback', gateway.output().includes(`http://127.0.0.1:${adminPort}`));
    gateway.child.kill(lastOf(stage, 'STOPSIGNAL')?.text);
    check(`${lastOf(stage, 'STOPSIGNAL')?.text} ends it with 0`, (await gateway.ended()) === 0);
    check('it wrote nothing but its log', readdirSync(temporary).length === 0);
  } finally {
    for (const { child } of processes) child.kill('SIGKILL');
  }
}

const { args, stages } = readDockerfile(readFileSync(join(context, 'deploy/Dockerfile'), 'utf8'));
const filter = createContextFilter(readFileSync(join(context, 'deploy/Dockerfile.dockerignore'), 'utf8'));
const folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-image-'));
chmodSync(folder, 0o755);
try {
  const bin = installNode(args.get('NODE_VERSION'), join(folder, 'node'));
  const path = `${bin}${delimiter}${process.env.PATH}`;
  const root = build(stages, { folder, path, filter });
  inspect(join(root, lastOf(stages.at(-1), 'WORKDIR').text));
  await run(stages.at(-1), { root, folder, path });
  print('the image is good');
} catch (error) {
  print(error instanceof Error ? error.message : 'the image is not good');
  process.exitCode = 1;
} finally {
  makeWritable(folder);
  rmSync(folder, { recursive: true, force: true });
}
