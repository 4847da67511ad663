// A session is a gateway in front of a simulated Atlas, with one configuration. Requests to it become records, and so do, at its end, its log
// lines, its metrics, its status and the requests that reached the simulated Atlas.
import { mkdirSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { dirname, join } from 'node:path';
import { SECRETS, serviceAccount, VERSION } from './atlas-world.mjs';
import { send, sendRaw } from './http-client.mjs';
import { maskLogLine, maskMetrics, maskStatus } from './mask.mjs';
import { startProgram } from './processes.mjs';
import { connectionRecord, requestIdOf, responseRecord } from './records.mjs';

/** Links lead here, so that bodies and their ETags are the same in every run. */
const PUBLIC_URL = 'http://gateway.test:8080';
const POLL_MS = 20;
const POLL_TIMEOUT_MS = 10_000;
const LOG_TIMEOUT_MS = 2_000;
/** Longer than the gateway collects lines before it writes them. */
const LOG_BATCH_MS = 150;

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Resolves when `condition` does to true. */
export async function until(condition, what) {
  const deadline = Date.now() + POLL_TIMEOUT_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${POLL_TIMEOUT_MS} ms`);
    await pause(POLL_MS);
  }
}

/** A simulated Atlas, and its control interface. */
export async function startSimulator() {
  const program = await startProgram(['simulator', '--port', '0'], { origins: 1 });
  const [origin] = program.origins;
  const control = async (method, path, body) =>
    JSON.parse((await send(origin, `/simulator/${path}`, { method, body })).body.toString());
  return {
    origin,
    output: program.output,
    fail: (fault) => control('POST', 'faults', JSON.stringify(fault)),
    recover: () => control('DELETE', 'faults'),
    requests: () => control('GET', 'requests'),
    stop: program.stop,
  };
}

/** A configuration with one credential that admits requests of this machine; `settings` replace whole sections. */
const configurationOf = (origin, { upstream, listen, ...settings }) => ({
  listen: { port: 0, publicUrl: PUBLIC_URL, ...listen },
  admin: { port: 0 },
  upstream: { origin, timeout: '5s', ...upstream },
  credentials: [{ name: 'sample', serviceAccount }],
  anonymous: { projects: 'all', organizations: 'all' },
  cache: { fresh: '1h', staleWhileRevalidate: '2h' },
  ...settings,
});

function writeFiles(folder, files) {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text, { mode: 0o600 });
  }
}

/** The log lines of a process: those of requests by id, and the others, each once: how often a retry is logged depends on the time. */
function readLog(text, replacements) {
  const byRequest = new Map();
  const others = new Map();
  for (const line of text.split('\n').filter((one) => one.startsWith('{'))) {
    const parsed = JSON.parse(line);
    const masked = maskLogLine(parsed, replacements);
    if (parsed.requestId === undefined) others.set(JSON.stringify(masked), masked);
    else byRequest.set(parsed.requestId, masked);
  }
  return { byRequest, others: [...others.values()] };
}

/**
 * Starts a session. `settings` are sections of the configuration, `files` what it names, `simulator` one that runs already, and `folder`
 * a folder of its own.
 */
export async function openSession(recorder, { name, folder, settings = {}, files = {}, simulator: given }) {
  const simulator = given ?? (await startSimulator());
  const configFile = join(folder, 'gateway.yaml');
  const configure = (sections) =>
    writeFiles(folder, { 'gateway.yaml': JSON.stringify(configurationOf(simulator.origin, sections)) });
  writeFiles(folder, files);
  configure(settings);
  const program = await startProgram(['serve', '--config', configFile], { env: SECRETS, origins: 2 });
  const [origin, admin] = program.origins;
  const agent = new Agent({ keepAlive: true });
  const replacements = [
    [origin, '<gateway>'],
    [admin, '<admin>'],
    [simulator.origin, '<atlas>'],
    [folder, '<folder>'],
  ];
  const awaitingLog = [];

  async function exchange(listener, label, target, { method = 'GET', headers = {}, body, mask } = {}) {
    // After a request with a body the server may close the connection, which must not end the next request.
    const reads = method === 'GET' || method === 'HEAD';
    const response = await send(listener, target, { method, headers, body, agent: reads ? agent : false });
    const record = { request: `${method} ${target}`, ...responseRecord(response, { replacements, mask }) };
    recorder.add(`${name}: ${label}`, record);
    const requestId = requestIdOf(response);
    if (requestId !== undefined) awaitingLog.push({ requestId, record });
    return response;
  }

  /** Log lines are written in batches, and those of the last batch can be lost when the process ends. */
  async function awaitLog() {
    const isComplete = () => {
      const text = program.output.stdout;
      return awaitingLog.every(({ requestId }) => text.includes(`"${requestId}"`));
    };
    const deadline = Date.now() + LOG_TIMEOUT_MS;
    while (!isComplete() && Date.now() < deadline) await pause(POLL_MS);
    await pause(LOG_BATCH_MS);
  }

  async function recordEnd(exitCode) {
    const { byRequest, others } = readLog(program.output.stdout, replacements);
    for (const { requestId, record } of awaitingLog) record.log = byRequest.get(requestId) ?? 'no log line';
    recorder.add(`${name}: other log lines`, { lines: others });
    recorder.add(`${name}: end`, { exitCode, stderr: program.output.stderr });
  }

  /** The order in which pages of one walk arrive is not fixed. */
  async function recordUpstream() {
    const requests = await simulator.requests();
    const lines = requests.map(({ method, target, status }) => `${method} ${target} ${status}`).sort();
    recorder.add(`${name}: requests to Atlas`, { lines });
  }

  const metrics = async () => {
    const response = await send(admin, '/metrics', { agent });
    return maskMetrics(response.body.toString());
  };
  const status = async () => JSON.parse((await send(admin, '/status.json', { agent })).body.toString());

  return {
    name,
    origin,
    admin,
    simulator,
    replacements,
    program,
    configure,
    status,
    log: () => program.output.stdout,
    /** A request to the public listener; `Accept` names a version unless `headers` say otherwise. */
    ask: (label, target, options = {}) =>
      exchange(origin, label, target, { ...options, headers: { accept: VERSION, ...options.headers } }),
    /** The same without any header of its own. */
    askBare: (label, target, options) => exchange(origin, label, target, options),
    askAdmin: (label, target, options) => exchange(admin, label, target, options),
    /** A request whose response is not recorded. */
    prepare: (target, options = {}) =>
      send(origin, target, { ...options, headers: { accept: VERSION, ...options.headers }, agent }),
    async askRaw(label, bytes, listener = origin) {
      recorder.add(`${name}: ${label}`, connectionRecord(await sendRaw(listener, bytes), { replacements }));
    },
    /** Waits until nothing is loaded in the background. */
    settle: () => until(async () => (await status()).cache.loading === 0, 'background loads'),
    record: (label, record) => recorder.add(`${name}: ${label}`, record),
    /** Stops the gateway without recording its exit. */
    async abandon() {
      agent.destroy();
      await program.stop();
      if (given === undefined) await simulator.stop();
    },
    /** Stops the gateway, and the simulator unless the caller passed it. */
    async close({ signal = 'SIGINT', observe = true } = {}) {
      if (observe) {
        recorder.add(`${name}: metrics`, { lines: await metrics() });
        if (settings.admin?.token === undefined)
          recorder.add(`${name}: status`, { facts: maskStatus(await status()) });
        await recordUpstream();
      }
      agent.destroy();
      await awaitLog();
      await recordEnd(await program.stop(signal));
      if (given === undefined) await simulator.stop();
    },
  };
}
