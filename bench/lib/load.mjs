import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { has, pinned } from './processes.mjs';

export const loader = has('wrk') ? 'wrk' : 'autocannon';

const run = (command) =>
  new Promise((resolve, reject) => {
    const [program, ...args] = pinned('load', command);
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      err += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve(out) : reject(new Error(`${program}: ${err || out}`)),
    );
  });

/** A Lua string; for printable ASCII, it is the same as in JSON. */
const lua = (text) => JSON.stringify(text);

/** Sends the requests in turn. A single request needs no Lua script, so wrk runs without per-request Lua calls. */
function script(requests) {
  const [first] = requests;
  const walk =
    requests.length === 1
      ? Object.entries(first.headers).map(([name, value]) => `wrk.headers[${lua(name)}] = ${lua(value)}`)
      : [
          'local requests, at = {}, 0',
          'function init()',
          ...requests.map(
            ({ target, headers }) =>
              `  requests[#requests + 1] = wrk.format("GET", ${lua(target)}, {${Object.entries({
                ...headers,
                Host: 'gateway.bench',
              })
                .map(([name, value]) => `[${lua(name)}] = ${lua(value)}`)
                .join(', ')}})`,
          ),
          'end',
          'function request()',
          '  at = at % #requests + 1',
          '  return requests[at]',
          'end',
        ];
  return `${walk.join('\n')}
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('\\n@{"requests":%d,"durationUs":%d,"bytes":%d,"errors":%d,"p50Us":%d,"p99Us":%d}\\n',
    summary.requests, summary.duration, summary.bytes, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
`;
}

async function wrk({ origin, requests, seconds, connections, folder }) {
  const path = join(folder, 'load.lua');
  writeFileSync(path, script(requests));
  const out = await run([
    'wrk',
    '-t1',
    `-c${connections}`,
    `-d${seconds}s`,
    '-s',
    path,
    `${origin}${requests[0].target}`,
  ]);
  const {
    requests: count,
    durationUs,
    bytes,
    errors,
    p50Us,
    p99Us,
  } = JSON.parse(/^@(.*)$/m.exec(out)?.[1] ?? '{}');
  return {
    requests: count,
    seconds: durationUs / 1e6,
    perSecond: (count * 1e6) / durationUs,
    bytes: bytes / count,
    errors,
    p50Ms: p50Us / 1_000,
    p99Ms: p99Us / 1_000,
  };
}

/** Fallback without wrk; autocannon uses more CPU time itself, so differences between fast servers shrink. */
async function autocannon({ origin, requests, seconds, connections, folder }) {
  const path = join(folder, 'load.json');
  writeFileSync(path, JSON.stringify({ origin, requests, seconds, connections }));
  const out = await run([process.execPath, new URL('autocannon-load.mjs', import.meta.url).pathname, path]);
  return JSON.parse(out);
}

/**
 * Closed-loop load from keep-alive connections. Reports requests per second, bytes per response, errors (any status of 400 or above) and
 * latency, which includes the time in the server's queue.
 */
export const load = loader === 'wrk' ? wrk : autocannon;
