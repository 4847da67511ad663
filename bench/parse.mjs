// Measures parsing and rendering: parsing a page of 500 items compared with JSON.parse of the same bytes, and rendering a page of 100
// compared with JSON.stringify of the same page.
import { parseListBody } from '../dist/atlas/list-parser.js';
import { renderPage } from '../dist/atlas/page-renderer.js';
import { listPath, projectId, startAtlas } from './lib/atlas.mjs';
import { readOptions } from './lib/options.mjs';
import { createReport } from './lib/report.mjs';
import { median, spread, spreadText } from './lib/statistics.mjs';
import { table } from './lib/table.mjs';

const options = readOptions(
  'usage: npm run bench:parse -- [flags]\n  --rounds N  of each, interleaved (41)',
  {
    rounds: { type: 'string' },
  },
);
const rounds = Number(options.rounds ?? (options.short ? 3 : 41));
const ROUND_MS = options.short ? 1 : 20;
const report = createReport(options);

const project = projectId(1);
const atlas = await startAtlas({ [project]: 500 });
const { body } = await atlas.get(`${listPath(project)}?itemsPerPage=500`);
await atlas.close();
const text = body.toString();
const read = parseListBody(body);
if (read.type !== 'list') throw new Error(read.detail);
const source = {
  items: read.items,
  offset: 0,
  totalCount: read.totalCount,
  hasMore: false,
  address: `https://cloud.mongodb.com${listPath(project)}`,
  parameters: 'includeCount=true&',
  suffix: '',
};
const shape = { pageNum: 2, itemsPerPage: 100, includeCount: true, pretty: false, envelope: false };
const page = JSON.parse(renderPage(source, shape).toString());
if (JSON.stringify(page.results) !== JSON.stringify(JSON.parse(body).results.slice(100, 200)))
  throw new Error('the page that is written does not hold items 100 to 199');

/** Microseconds per call, averaged over as many calls as fit in a round. */
function timed(call) {
  const begun = performance.now();
  let calls = 0;
  let taken = 0;
  do {
    call();
    calls++;
    taken = performance.now() - begun;
  } while (taken < ROUND_MS);
  return (taken * 1_000) / calls;
}

function compare(pairs) {
  const times = pairs.map(({ calls }) => calls.map(() => []));
  for (let round = -2; round < rounds; round++)
    pairs.forEach(({ calls }, pair) => {
      calls.forEach((call, index) => {
        const us = timed(call);
        // The first rounds warm up the JIT compiler.
        if (round >= 0) times[pair][index].push(us);
      });
    });
  const rows = pairs.map(({ name }, pair) => {
    const [ours, theirs] = times[pair];
    const ratio = ours.map((us, round) => us / theirs[round]);
    report.keep(name, { us: spread(ours), json: spread(theirs), ratio: spread(ratio) });
    return [name, median(ours).toFixed(1), median(theirs).toFixed(1), spreadText(ratio, 3)];
  });
  report.print('parse', table(['', 'µs', 'JSON, µs', 'ratio'], rows), 'Reading and writing pages');
}

report.printSetup(
  'parse-setup',
  `${rounds} rounds of ${ROUND_MS} ms each, interleaved; a body of ${body.length} bytes with 500 items. Median (least to most).`,
);
compare([
  {
    name: 'reading 500 items ÷ JSON.parse(body)',
    calls: [() => parseListBody(body), () => JSON.parse(body)],
  },
  {
    name: 'reading 500 items ÷ JSON.parse(text)',
    calls: [() => parseListBody(body), () => JSON.parse(text)],
  },
  {
    name: 'writing a page of 100 ÷ JSON.stringify(page)',
    calls: [() => renderPage(source, shape), () => JSON.stringify(page)],
  },
  {
    name: 'writing a page of 100 ÷ Buffer.from(JSON.stringify(page))',
    calls: [() => renderPage(source, shape), () => Buffer.from(JSON.stringify(page))],
  },
]);
report.end();
