// A gateway as shipped in front of a simulator with weather, and what is measured while a row runs.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask, askUntil } from '../ask.mjs';
import { ACCEPT } from '../atlas.mjs';
import { caller, callerKey, startGateway } from '../gateway.mjs';
import { peakRssMiB } from '../processes.mjs';
import { startWeatherAtlas } from './atlas.mjs';

const MONITOR = new URL('lag-monitor.mjs', import.meta.url).pathname;
const OPERATIONS = ', operations: [lists, listGroupEvents]';
const CALLERS = ['bench', 'busy', 'quiet'];

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
export const times = (count) => Array.from({ length: count }, (_none, index) => index);
export const pageQuery = (pageNum, itemsPerPage = 100) => `?itemsPerPage=${itemsPerPage}&pageNum=${pageNum}`;
export const isHit = ({ cacheStatus }) => /; hit\b/.test(cacheStatus) && !cacheStatus.includes('detail=');

/** What ends the processes of the stages that are open, and removes their folders; those that are still being opened included. */
const openStages = new Set();

let ending = false;

/** Ends all processes that stages have started. No stage can be opened afterwards: the next row must not start new ones. */
export function closeStages() {
  ending = true;
  return Promise.allSettled([...openStages].map((close) => close()));
}

/** Runs what `atEnd` was passed, the last first and each once. */
function createClosing() {
  const steps = [];
  let closed = false;
  async function close() {
    closed = true;
    for (let step = steps.pop(); step !== undefined; step = steps.pop()) await step();
    openStages.delete(close);
  }
  openStages.add(close);
  return {
    close,
    atEnd(step) {
      steps.push(step);
      // A process that was started while the stage was being closed.
      if (closed) void close();
    },
  };
}

/** Starts both processes. `cache` is the content of the configuration's cache section. */
export async function openStage(settings) {
  if (ending) throw new Error('the run was stopped');
  const closing = createClosing();
  try {
    return await startStage(settings, closing);
  } catch (error) {
    await closing.close();
    throw error;
  }
}

async function startStage({ projects = 1, cache = 'maxBytes: 256MiB', atlasOrigin } = {}, { close, atEnd }) {
  const folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-weather-'));
  atEnd(() => rmSync(folder, { recursive: true }));
  const atlas = await startWeatherAtlas(projects, { atEnd });
  const agent = new Agent({ keepAlive: true, maxSockets: 2_000 });
  atEnd(() => agent.destroy());
  const replies = [];
  let gateway;
  let starts = 0;

  async function start() {
    const lagFile = join(folder, `lag-${++starts}`);
    gateway = await startGateway({
      atlas: atlasOrigin ?? atlas.origin,
      folder,
      name: `gateway-${starts}`,
      nodeFlags: ['--import', MONITOR],
      env: { LAG_FILE: lagFile },
      callers: CALLERS.map((name, index) => caller(name, [callerKey(index + 1)], OPERATIONS)).join('\n'),
      cache: cache.replace('FOLDER', folder),
    });
    gateway.lagFile = lagFile;
    atEnd(gateway.stop);
    await askUntil(gateway.admin, '/readyz', {}, { alive: gateway.alive });
    process.kill(gateway.pid, 'SIGUSR2');
  }

  /** Reads a page; remembers status and time unless `counts` is false. */
  async function read(target, { caller: name = 'bench', counts = true, accept = ACCEPT, headers = {} } = {}) {
    const startedAt = performance.now();
    const authorization = callerKey(CALLERS.indexOf(name) + 1).bearer;
    const reply = await ask(gateway.origin, target, {
      headers: { accept, authorization, ...headers },
      agent,
    }).catch((error) => ({ status: error.code, headers: {}, body: Buffer.alloc(0) }));
    const result = {
      status: reply.status,
      ms: performance.now() - startedAt,
      cacheStatus: reply.headers['cache-status'] ?? '',
      errorCode: reply.headers['x-error-code'] ?? '',
      retryAfter: reply.headers['retry-after'],
      json: () => JSON.parse(reply.body.toString()),
    };
    if (counts) replies.push(result);
    return result;
  }

  await start();
  return {
    atlas,
    replies,
    read,
    readAll: (targets, options) => Promise.all(targets.map((target) => read(target, options))),
    metric: async (name) => {
      const { body } = await ask(gateway.admin, '/metrics');
      const line = body
        .toString()
        .split('\n')
        .find((one) => one.startsWith(name));
      return Number(line?.split(' ').at(-1));
    },
    async restart() {
      await gateway.stop();
      await start();
    },
    /** What the processes used so far. */
    measures: async () => ({
      calls: (await atlas.calls()).length,
      peakMiB: peakRssMiB(gateway.pid),
      lagMs: Number(readFileSync(gateway.lagFile, 'utf8')),
      alive: gateway.alive(),
    }),
    close,
  };
}

/** Reads a list along its `next` links until `givesUp`; returns the ids of the items. */
export async function sweep(stage, path, { pauseMs = 0, accept, givesUp = async () => false } = {}) {
  const items = [];
  for (let target = `${path}${pageQuery(1)}`; target !== undefined; ) {
    const reply = await stage.read(target, { accept });
    if (reply.status !== 200) return { items, failed: reply };
    const { links, results } = reply.json();
    items.push(...results.map((item) => item.id ?? item._id));
    const next = links.find(({ rel }) => rel === 'next')?.href;
    if (await givesUp()) return { items, failed: reply };
    target = next === undefined ? undefined : next.replace(/^https?:\/\/[^/]+/, '');
    if (target !== undefined) await sleep(pauseMs);
  }
  return { items };
}
