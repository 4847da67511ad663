// Configurations that change while the gateway runs, restarts with a cache file, draining, and starts that fail.
import { connectionsOf, PROJECTS, SECRETS } from '../atlas-world.mjs';
import { callerKey } from '../caller-keys.mjs';
import { send } from '../http-client.mjs';
import { maskOutput } from '../mask.mjs';
import { runCommand, startProgram } from '../processes.mjs';
import { commandRecord, requestIdOf } from '../records.mjs';
import { startSimulator, until } from '../session.mjs';

const TARGET = connectionsOf('orders', '?itemsPerPage=1');
const NEWCOMER = callerKey('Newcomer');
const withNewcomer = {
  callers: [
    { name: 'newcomer', keys: [{ id: NEWCOMER.id, sha256: NEWCOMER.sha256 }], projects: [PROJECTS.orders] },
  ],
};

/** How often the gateway has read its configuration again, whatever the outcome. */
async function reloadsOf(session) {
  const { body } = await send(session.admin, '/metrics');
  const samples = body.toString().matchAll(/^atlas_gateway_config_reloads_total\{.*\} (\d+)$/gm);
  return [...samples].reduce((sum, [, value]) => sum + Number(value), 0);
}

async function recordReloads({ open }) {
  const session = await open({ name: 'reloads' });
  const headers = { authorization: NEWCOMER.bearer };
  const reload = async (settings) => {
    const before = await reloadsOf(session);
    session.configure(settings);
    await until(async () => (await reloadsOf(session)) > before, 'reload');
  };
  await session.ask('before the caller is known', TARGET, { headers });
  await reload(withNewcomer);
  await session.ask('after the caller is known', TARGET, { headers });
  await reload({ ...withNewcomer, cache: { fresh: 'soon' } });
  await session.ask('after a wrong configuration', TARGET, { headers });
  await reload({ ...withNewcomer, listen: { maxInFlight: 7 } });
  await session.ask('after a setting that needs a restart', TARGET, { headers });
  await reload({});
  await session.ask('after the caller was removed', TARGET, { headers });
  await session.close();
}

async function recordRestart({ open, makeFolder }) {
  const simulator = await startSimulator();
  const cacheFolder = makeFolder();
  const settings = {
    cache: {
      fresh: '1h',
      staleWhileRevalidate: '2h',
      snapshot: { path: `${cacheFolder}/cache`, encryptionKey: { env: 'LONG_KEY' } },
    },
  };
  const first = await open({ name: 'before a restart', simulator, settings });
  await first.ask('a list', TARGET);
  await first.close();
  await simulator.fail({ status: 503 });
  const second = await open({ name: 'after a restart', simulator, settings });
  await second.ask('the list', TARGET);
  await second.ask('another list', connectionsOf('single'));
  await second.close({ observe: false });
  await simulator.stop();
}

async function recordDrain({ open }) {
  const session = await open({ name: 'drain', settings: { drain: { delay: '2500ms', deadline: '2s' } } });
  await session.ask('before', TARGET);
  session.program.signal('SIGTERM');
  const ready = async () => (await send(session.admin, '/readyz')).status;
  await until(async () => (await ready()) !== 200, 'drain');
  await session.askAdmin('probe while draining', '/readyz');
  await session.askAdmin('health while draining', '/healthz');
  await session.ask('a list while draining', TARGET);
  const exitCode = await session.program.ended;
  session.record('exit', { exitCode });
}

async function recordPrograms({ recorder }) {
  const simulator = await startSimulator();
  const { origin } = simulator;
  const env = {
    MONGODB_ATLAS_CLIENT_ID: SECRETS.CLIENT_ID,
    MONGODB_ATLAS_CLIENT_SECRET: SECRETS.CLIENT_SECRET,
    ATLAS_GATEWAY_UPSTREAM_ORIGIN: origin,
    ATLAS_GATEWAY_LISTEN_PORT: '0',
    ATLAS_GATEWAY_ADMIN_PORT: '0',
  };
  const args = ['serve'];
  const taken = { ...env, ATLAS_GATEWAY_LISTEN_PORT: new URL(origin).port };
  const replacements = [[new URL(origin).port, '<port>']];
  recorder.add(
    'serve on a port that is taken',
    commandRecord(args, await runCommand(args, taken), { replacements }),
  );
  const program = await startProgram(args, { env, origins: 2 });
  const response = await send(program.origins[0], TARGET, {
    headers: { accept: 'application/vnd.atlas.2023-02-01+json' },
  });
  const requestId = requestIdOf(response);
  await until(() => program.output.stdout.includes(`"${requestId}"`), 'log line');
  recorder.add('serve from the environment', {
    status: response.status,
    exitCode: await program.stop('SIGINT'),
    stdout: maskOutput(program.output.stdout).replaceAll(
      /"(requestId|durationMs)":("[^"]*"|[\d.]+)/g,
      '"$1":"…"',
    ),
  });
  recorder.add('simulator', {
    stdout: maskOutput(simulator.output.stdout),
    exitCode: await simulator.stop(),
  });
  await recordDemo(recorder);
}

async function recordDemo(recorder) {
  const demo = await startProgram(['demo', '--port', '0', '--admin-port', '0'], { origins: 2 });
  await until(() => demo.output.stdout.includes('Ctrl-C'), 'demo');
  const exitCode = await demo.stop();
  const stdout = maskOutput(demo.output.stdout)
    .replaceAll(/agw_\w{12}_[\w-]{43}/g, '<key>')
    .replaceAll(/^\[.*\] /gm, '<time> ');
  recorder.add('demo', { exitCode, stdout });
}

export async function recordLifecycle(context) {
  await recordReloads(context);
  await recordRestart(context);
  await recordDrain(context);
  await recordPrograms(context);
}
