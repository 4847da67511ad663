// Long and slow lists, and lists cached by the page: rows 101, 102, 103, 105 and 106.
import { pathOf } from './atlas.mjs';
import { isHit, pageQuery, sleep, sweep, times } from './stage.mjs';

const LONG = 9_900;
const FAILING = { errors: { rate: 1, status: 503 } };

function longLists(more) {
  return async ({ open, check, short }) => {
    const count = short ? 4 : 20;
    const stage = await open({ projects: count });
    const lists = times(count).map((index) => pathOf(index));
    await stage.atlas.fill(lists, { items: LONG });
    await stage.atlas.change({
      latency: { median: '600ms', p90: '1500ms', p99: '1900ms' },
      lists: [{ items: LONG }],
      ...more,
    });
    const pages = [1, 50, 99];
    const heldAfter10s = await Promise.all(
      lists.map(async (path, index) => {
        await sleep(index * 1_000);
        const startedAt = performance.now();
        await stage.read(`${path}${pageQuery(pages[index % pages.length])}`);
        await sleep(startedAt + 10_000 - performance.now());
        const later = await stage.readAll(
          pages.map((page) => `${path}${pageQuery(page)}`),
          { counts: false },
        );
        return later.every(isHit);
      }),
    );
    const failed = stage.replies.filter(({ status }) => status !== 200).length;
    check(failed === 0, `${failed} of ${count} cold pages failed`);
    const slowest = Math.max(...stage.replies.map(({ ms }) => ms));
    check(slowest < 3_000, `a cold page took ${Math.round(slowest)} ms`);
    const notHeld = heldAfter10s.filter((held) => !held).length;
    check(notHeld === 0, `${notHeld} of ${count} lists not held after 10 s`);
    return { needed: count * 20 };
  };
}

async function slowPages({ open, check }) {
  const stage = await open();
  const path = pathOf(0);
  await stage.atlas.fill([path], { items: 1_234 });
  await stage.atlas.change({ latency: '3500ms', lists: [{ items: 1_234 }] });
  const first = await stage.read(path);
  check(first.status === 200, `answered ${first.status}`);
  await sleep(12_000);
  const later = await stage.readAll([`${path}${pageQuery(1)}`, `${path}${pageQuery(13)}`]);
  check(later.every(isHit), 'no hits afterwards');
  return { needed: 3 };
}

async function slowItems({ open, check, short }) {
  const stage = await open();
  const path = pathOf(0);
  await stage.atlas.fill([path], { items: 1_234 });
  await stage.atlas.change({
    latency: { median: '0ms', perThousandItems: '30s' },
    lists: [{ items: 1_234 }],
  });
  const first = await stage.read(`${path}${pageQuery(1, 10)}`);
  check(first.status === 200 && first.ms < 2_500, `${first.status} after ${Math.round(first.ms)} ms`);
  await sleep(short ? 60_000 : 120_000);
  const cached = { headers: { 'cache-control': 'only-if-cached' } };
  const last = await stage.read(`${path}${pageQuery(124, 10)}`, cached);
  check(last.status === 200, `the whole is not held: ${last.status}`);
  return { needed: 13 };
}

async function overTheShare({ open, check }) {
  const stage = await open({ cache: 'maxBytes: 8MiB, fresh: 60s, staleWhileRevalidate: 1s' });
  const path = pathOf(0);
  await stage.atlas.fill([path], { items: LONG });
  await stage.atlas.change({ latency: '90ms', lists: [{ items: LONG }] });
  const givesUp = async () => (await stage.measures()).calls > 110;
  const { items, failed } = await sweep(stage, path, { givesUp });
  check(failed === undefined && new Set(items).size === LONG, `the sweep found ${new Set(items).size} items`);
  const { calls } = await stage.measures();
  check(calls <= 110, `a sweep of 99 pages cost ${calls} calls`);
  await stage.atlas.change({ ...FAILING, lists: [{ items: LONG }] });
  await sleep(62_000);
  const replies = [];
  for (const page of [97, 98, 99]) replies.push(await stage.read(`${path}${pageQuery(page)}`));
  const lost = replies.filter(({ status }) => status !== 200).length;
  check(lost === 0, `${lost} of 3 pages not served while Atlas is down`);
  return { needed: 99 };
}

async function pagesWhileDown({ open, check }) {
  const cache =
    "maxItems: 5000, fresh: 1s, staleWhileRevalidate: 1s, staleIfError: 24h, snapshot: { path: 'FOLDER/cache', encryptionKey: { env: SECRET }, every: 1s }";
  const stage = await open({ cache });
  const path = pathOf(0);
  await stage.atlas.fill([path], { items: LONG });
  await stage.read(path);
  await stage.atlas.change({ ...FAILING, lists: [{ items: LONG }] });
  await sleep(4_000);
  const stale = await stage.read(path);
  check(stale.status === 200, `answered ${stale.status} while Atlas is down`);
  await stage.restart();
  const restored = await stage.read(path);
  check(restored.status === 200, `answered ${restored.status} after a restart`);
  return { needed: 2 };
}

async function wholeAsFallback({ open, check }) {
  const stage = await open({
    cache: 'maxItems: 5000, fresh: 1s, staleWhileRevalidate: 1s, staleIfError: 24h',
  });
  const path = pathOf(0);
  await stage.atlas.fill([path], { items: LONG });
  await stage.atlas.change({ lists: [{ items: 4_000 }] });
  await stage.read(path);
  await stage.atlas.change({ lists: [{ items: LONG }] });
  await sleep(3_000);
  await stage.read(path);
  await sleep(1_000);
  await stage.atlas.change({ ...FAILING, lists: [{ items: LONG }] });
  await sleep(2_000);
  const reply = await stage.read(`${path}${pageQuery(30)}`);
  check(reply.status === 200, `answered ${reply.status} although a whole listing was held`);
  return { needed: 10 };
}

export const LONG_LISTS = [
  { row: 101, what: '9 900 items, 200 to 2 000 ms a page', run: longLists({}) },
  { row: 101, what: 'also with 3 % 429s', run: longLists({ rateLimits: { rate: 0.03 } }) },
  { row: 102, what: '3.5 s a page', run: slowPages },
  { row: 103, what: '30 ms an item', run: slowItems },
  { row: 105, what: "a list over the project's share", run: overTheShare },
  { row: 106, what: 'pages while Atlas is down, and after a restart', run: pagesWhileDown },
  { row: 106, what: 'the last whole listing as fallback', run: wholeAsFallback },
];
