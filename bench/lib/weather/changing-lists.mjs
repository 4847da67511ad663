// Lists that change while they are read, and counting that times out: rows 104, 107 and 123.
import { pathOf } from './atlas.mjs';
import { pageQuery, sleep, sweep } from './stage.mjs';

const EVENTS_ACCEPT = 'application/vnd.atlas.2023-01-01+json';
const idsOf = (items) => items.map((item) => item.id ?? item._id);

async function sweeps({ open, check, short }) {
  const stage = await open({ cache: 'maxBytes: 64MiB, fresh: 5s' });
  const path = pathOf(0);
  const size = { items: 1_234 };
  await stage.atlas.fill([path], size);
  const before = idsOf(await stage.atlas.items(path));
  await stage.read(path);
  await stage.atlas.change({ latency: '300ms', lists: [{ ...size, churn: { creates: 1, deletes: 1 } }] });
  let missed = 0;
  let repeated = 0;
  let failed = 0;
  for (let round = 0; round < (short ? 3 : 30); round++) {
    const swept = await sweep(stage, path, { pauseMs: 100 });
    if (swept.failed !== undefined) failed++;
    const found = new Set(swept.items);
    const now = new Set(idsOf(await stage.atlas.items(path)));
    missed += before.filter((id) => now.has(id) && !found.has(id)).length;
    repeated += swept.items.length - found.size;
  }
  check(failed === 0, `${failed} sweeps failed`);
  check(missed === 0, `${missed} items missed`);
  check(repeated === 0, `${repeated} items repeated`);
  return { needed: Math.ceil((stage.replies.length * 0.15) / 5) * 3 };
}

async function polledEvents({ open, check, short }) {
  const stage = await open({ cache: 'maxBytes: 64MiB, fresh: 5s' });
  const path = pathOf(0, 'events');
  const size = { items: 1_000 };
  await stage.atlas.fill([path], size);
  await stage.atlas.change({
    latency: '90ms',
    lists: [{ ...size, churn: { creates: 1, at: 'start' } }],
  });
  await sweep(stage, path, { pauseMs: 1_000, accept: EVENTS_ACCEPT });
  let missed = 0;
  for (let round = 0; round < (short ? 1 : 5); round++) {
    for (let second = 0; second < 6; second++) {
      await stage.read(`${path}${pageQuery(1)}`, { accept: EVENTS_ACCEPT });
      await sleep(1_000);
    }
    const { items } = await sweep(stage, path, { pauseMs: 200, accept: EVENTS_ACCEPT });
    const found = new Set(items);
    const now = idsOf(await stage.atlas.items(path));
    // The first page may be as old as freshness allows: what it begins with, and all that is older, existed throughout.
    const begins = now.indexOf(items[0]);
    check(begins >= 0, 'a sweep began with an event that Atlas does not have');
    missed += now.slice(begins).filter((id) => !found.has(id)).length;
  }
  check(missed === 0, `${missed} events missed`);
  return { needed: stage.replies.length };
}

async function countTimesOut({ open, check }) {
  const stage = await open({ cache: 'maxBytes: 64MiB, fresh: 1s, staleWhileRevalidate: 1s' });
  const path = pathOf(0, 'events');
  await stage.atlas.change({ lists: [{ countTimesOut: true }] });
  const first = await stage.read(path, { accept: EVENTS_ACCEPT });
  check(first.status === 200, `answered ${first.status} when counting times out`);
  await stage.atlas.change({});
  await stage.read(path, { accept: EVENTS_ACCEPT });
  await stage.atlas.change({ lists: [{ status: 500, errorCode: 'TIMEOUT_WHILE_PAGING' }] });
  await sleep(4_000);
  const later = await stage.read(path, { accept: EVENTS_ACCEPT });
  check(later.status === 200, `answered ${later.status} although a copy was held`);
  return { needed: 4 };
}

export const CHANGING_LISTS = [
  { row: 104, what: 'sweeps while items come and go', run: sweeps },
  { row: 107, what: 'sweeps of events, the first page polled', run: polledEvents },
  { row: 123, what: 'TIMEOUT_WHILE_PAGING', run: countTimesOut },
];
