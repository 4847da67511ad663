// Compares hits of elements that are answered from a cached list with hits of that list: an element needs the list's index, a page does not.
import { existsSync, mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask, askUntil } from './lib/ask.mjs';
import { ACCEPT, items, listPath, projectId, startAtlas } from './lib/atlas.mjs';
import { caller, callerKey, startGateway } from './lib/gateway.mjs';
import { load, loader } from './lib/load.mjs';
import { readOptions } from './lib/options.mjs';
import { cpuMicros, pinning } from './lib/processes.mjs';
import { createReport } from './lib/report.mjs';
import { spreadText } from './lib/statistics.mjs';
import { table } from './lib/table.mjs';

const options = readOptions(
  `usage: npm run bench:elements -- [flags]
  --rounds N       of each, interleaved (11)
  --seconds N      of a round (1)`,
  { rounds: { type: 'string' }, seconds: { type: 'string', default: '1' } },
);
const rounds = Number(options.rounds ?? (options.short ? 1 : 11));
const seconds = Number(options.seconds);
const CONNECTIONS = 32;
const ITEMS = 500;
const ELEMENTS = 50;
const report = createReport(options);
const { bearer: Authorization } = callerKey(1);
const headers = { Accept: ACCEPT, Authorization };
const path = listPath(projectId(1));
const numbers = Array.from({ length: ELEMENTS }, (_none, index) => index);
const elementPaths = items('list', ELEMENTS).map(({ _id }) => `${path}/${_id}`);

async function checkHit(origin, target, detail) {
  const { status, headers: answered } = await ask(origin, target, { headers });
  const cacheStatus = answered['cache-status'];
  if (status !== 200 || !cacheStatus.includes('; hit') || cacheStatus.includes('detail=list') !== detail)
    throw new Error(`wrong: ${target} is ${status} ${cacheStatus}`);
}

const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'atlas-gateway-bench-'));
const atlas = await startAtlas({ [projectId(1)]: ITEMS });
const gateway = await startGateway({
  atlas: atlas.origin,
  folder,
  callers: caller('bench', [callerKey(1)], ', operations: reads'),
});
try {
  await askUntil(gateway.origin, `${path}?itemsPerPage=500`, { headers }, gateway);
  const contestants = [
    {
      name: 'page of one item',
      targets: numbers.map((index) => `${path}?itemsPerPage=1&pageNum=${index + 1}`),
    },
    { name: 'element', targets: elementPaths },
  ].map(({ name, targets }) => ({
    ...{ name, targets, perSecond: [], cpuUs: [] },
    requests: targets.map((target) => ({ target, headers })),
  }));
  const [pages, elements] = contestants;
  for (const { targets } of contestants)
    for (const target of targets) await checkHit(gateway.origin, target, targets === elements.targets);
  const given = { origin: gateway.origin, connections: CONNECTIONS, folder };
  for (let count = 0; count < rounds; count++)
    for (const one of count % 2 === 0 ? contestants : contestants.toReversed()) {
      const before = cpuMicros(gateway.pid);
      const sample = await load({ ...given, requests: one.requests, seconds });
      truncateSync(gateway.logPath);
      one.cpuUs.push((cpuMicros(gateway.pid) - before) / sample.requests);
      one.perSecond.push(sample.perSecond);
    }
  const ratios = elements.perSecond.map((perSecond, index) => perSecond / pages.perSecond[index]);
  report.printSetup(
    'elements-setup',
    `A list of ${ITEMS} items, ${ELEMENTS} of them in turn; ${rounds} rounds of ${seconds} s each, interleaved, ${CONNECTIONS} connections by ${loader}. ${pinning} Median (least to most).`,
  );
  report.print(
    'elements',
    table(
      ['hits of', 'requests/s', 'CPU µs', 'element ÷ page'],
      contestants.map(({ name, perSecond, cpuUs }) => [
        name,
        spreadText(perSecond),
        spreadText(cpuUs, 1),
        name === 'element' ? spreadText(ratios, 2) : '',
      ]),
    ),
  );
} finally {
  await gateway.stop();
  await atlas.close();
  rmSync(folder, { recursive: true });
}
report.end();
