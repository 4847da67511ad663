// Many lists at once: rows 97, 98, 99 and 109.
import { pathOf } from './atlas.mjs';
import { isHit, pageQuery, sleep, times } from './stage.mjs';

const ITEMS = 1_234;
const HELD_MS = 25_000;
const paths = (count) => times(count).map((index) => pathOf(index));
const notHits = (replies) => replies.filter((reply) => !isHit(reply)).length;
const at = (list, page) => list.map((path) => `${path}${pageQuery(page)}`);

async function coldLists({ open, check, short }) {
  const lists = paths(short ? 20 : 200);
  const stage = await open({ projects: lists.length });
  await stage.atlas.fill(lists, { items: ITEMS });
  await stage.atlas.change({ latency: '1s', lists: [{ items: ITEMS }] });
  const startedAt = performance.now();
  const replies = await stage.readAll(at(lists, 1));
  const failed = replies.filter(({ status }) => status !== 200).length;
  check(failed === 0, `${failed} of ${lists.length} not answered in the first round`);
  await sleep(startedAt + HELD_MS - performance.now());
  const later = await stage.readAll([...at(lists, 1), ...at(lists, 13)], { counts: false });
  check(notHits(later) === 0, `${notHits(later)} of ${later.length} pages not hits after 25 s`);
  const { calls } = await stage.measures();
  const needed = 3 * lists.length;
  check(calls <= needed * 1.05, `${calls} calls for ${needed}`);
  return { needed };
}

async function staleLists({ open, check, short }) {
  const lists = paths(short ? 20 : 200);
  const stage = await open({
    projects: lists.length,
    cache: 'maxBytes: 256MiB, fresh: 30s, staleWhileRevalidate: 1s',
  });
  await stage.atlas.fill(lists, { items: ITEMS });
  for (const path of lists) await stage.read(path, { counts: false });
  await sleep(32_000);
  await stage.atlas.change({ latency: '1s', lists: [{ items: ITEMS }] });
  const startedAt = performance.now();
  const replies = await stage.readAll(at(lists, 1));
  const late = replies.filter(({ status, ms }) => status !== 200 || ms > 2_000).length;
  check(late === 0, `${late} of ${lists.length} not answered within 2 s`);
  await sleep(startedAt + HELD_MS - performance.now());
  const later = await stage.readAll(at(lists, 1), { counts: false });
  check(notHits(later) === 0, `${notHits(later)} of ${later.length} not refreshed after 25 s`);
  return { needed: 6 * lists.length };
}

async function queueing({ open, check, short }) {
  const count = short ? 150 : 400;
  const stage = await open({ projects: count + 5 });
  const lists = paths(count + 5);
  await stage.atlas.fill(lists, { items: ITEMS });
  await stage.atlas.change({ latency: '2s', lists: [{ items: ITEMS }] });
  const replies = await stage.readAll(lists.slice(0, count));
  const blamed = replies.filter(({ errorCode }) => /^UPSTREAM_(TIMEOUT|FAILED|UNREACHABLE)$/.test(errorCode));
  check(blamed.length === 0, `${blamed.length} answers blame Atlas, which answered every call`);
  const others = replies.filter(({ status, errorCode }) => status !== 200 && errorCode !== 'OVERLOADED');
  check(others.length === 0, `${others.length} answers neither 200 nor OVERLOADED`);
  const hopeless = replies.filter(({ status, retryAfter }) => status !== 200 && retryAfter === undefined);
  check(hopeless.length === 0, `${hopeless.length} refusals without Retry-After`);
  check((await stage.metric('atlas_gateway_cooling_down{kind="list"}')) === 0, 'lists cool down');
  check((await stage.metric('atlas_gateway_upstream_circuit_open{')) === 0, 'the circuit breaker is open');
  const later = await stage.readAll(lists.slice(count));
  const failed = later.filter(({ status }) => status !== 200).length;
  check(failed === 0, `${failed} of 5 later reads failed`);
  return { needed: 3 * (count + 5) };
}

async function busyCaller({ open, check, short }) {
  const LATENCY_MS = 500;
  const count = short ? 200 : 1_000;
  const own = 10;
  const stage = await open({ projects: count + own + 1 });
  const lists = paths(count + own + 1);
  await stage.atlas.fill(lists, { items: 50 });
  await stage.atlas.change({ latency: `${LATENCY_MS}ms`, lists: [{ items: 50 }] });
  const alone = await stage.read(lists[count + own], { caller: 'quiet', counts: false });
  const flood = stage.readAll(lists.slice(0, count), { caller: 'busy', counts: false });
  await sleep(100);
  const replies = [];
  for (const path of lists.slice(count, count + own))
    replies.push(await stage.read(path, { caller: 'quiet' }));
  await flood;
  const refused = replies.filter(({ status }) => status !== 200).length;
  check(refused === 0, `${refused} of ${own} reads of the quiet caller refused`);
  const slowest = Math.max(...replies.map(({ ms }) => ms));
  check(slowest <= 3 * alone.ms, `a read took ${Math.round(slowest)} ms, alone ${Math.round(alone.ms)} ms`);
  return { needed: count + own + 1 };
}

export const MANY_LISTS = [
  { row: 97, what: '200 cold lists at once, 1 s a page', run: coldLists },
  { row: 98, what: '200 lists past staleWhileRevalidate', run: staleLists },
  { row: 99, what: '400 cold lists queueing', run: queueing },
  { row: 109, what: 'a single caller during 1 000 cold lists', run: busyCaller },
];
