// Cold pages of long lists compared with the same calls to Atlas itself, and how soon the whole list is cached.
import { pathOf } from './atlas.mjs';
import { isHit, pageQuery, sleep, times } from './stage.mjs';

const ITEMS = 10_000;
const LATENCY_MS = 300;
const PAGES = [1, 50, 100];
const MOST_TIMES_DIRECT = 1.15;
const MOST_ROUND_TRIPS = 8;

const median = (numbers) => [...numbers].sort((one, other) => one - other)[Math.floor(numbers.length / 2)];

async function coldPages({ open, check, short }) {
  const count = short ? 9 : 30;
  const stage = await open({ projects: count + 1 });
  const [warmUp, ...lists] = times(count + 1).map((index) => pathOf(index));
  await stage.atlas.fill([warmUp, ...lists], { items: ITEMS });
  await stage.atlas.change({ latency: `${LATENCY_MS}ms`, lists: [{ items: ITEMS }] });
  await stage.read(warmUp, { counts: false });
  const direct = [];
  const late = [];
  for (const [index, path] of lists.entries()) {
    const target = `${path}${pageQuery(PAGES[index % PAGES.length])}`;
    const directAt = performance.now();
    await stage.atlas.get(target);
    direct.push(performance.now() - directAt);
    const startedAt = performance.now();
    await stage.read(target);
    await sleep(startedAt + MOST_ROUND_TRIPS * median(direct) - performance.now());
    const later = await Promise.all(
      PAGES.map((page) => stage.read(`${path}${pageQuery(page)}`, { counts: false })),
    );
    if (!later.every(isHit)) late.push(path);
  }
  const failed = stage.replies.filter(({ status }) => status !== 200).length;
  check(failed === 0, `${failed} of ${count} cold pages failed`);
  const factor = median(stage.replies.map(({ ms }) => ms)) / median(direct);
  check(factor <= MOST_TIMES_DIRECT, `a cold page takes ${factor.toFixed(2)} times the direct call`);
  check(late.length === 0, `${late.length} of ${count} lists not held after ${MOST_ROUND_TRIPS} round trips`);
  return { needed: (count + 1) * (ITEMS / 500) + count };
}

export const COLD_PAGES = [
  { row: 'cold', what: '10 000 items at 300 ms, with direct calls', run: coldPages },
];
