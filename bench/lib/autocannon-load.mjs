// The load of `load.mjs` with autocannon, in a separate process that can be pinned to a core.
import { readFileSync } from 'node:fs';
import autocannon from 'autocannon';

const { origin, requests, seconds, connections } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const result = await autocannon({
  url: origin,
  connections,
  duration: seconds,
  requests: requests.map(({ target, headers }) => ({ path: target, headers })),
});
process.stdout.write(
  JSON.stringify({
    requests: result.requests.total,
    seconds: result.duration,
    perSecond: result.requests.total / result.duration,
    bytes: result.throughput.total / result.requests.total,
    errors: result.errors + result.timeouts + result['4xx'] + result['5xx'],
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
  }),
);
