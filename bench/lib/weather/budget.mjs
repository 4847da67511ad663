// What the gateway believes is left of Atlas's rate limits: row 108.
import { pathOf } from './atlas.mjs';
import { sleep } from './stage.mjs';

const REMAINING = 'atlas_gateway_upstream_budget_remaining{credential="bench",endpoint_set="streams"';

/** Waits until nothing is in flight or reserved: a walk goes on after its first caller has been answered. */
async function settled(stage) {
  const givesUpAt = Date.now() + 20_000;
  const count = (state) => stage.metric(`atlas_gateway_loads{state="${state}"}`);
  while ((await count('loading')) + (await count('waiting')) !== 0) {
    if (Date.now() > givesUpAt) throw new Error('a load does not end');
    await sleep(20);
  }
}

async function compare(stage, check) {
  const believed = await stage.metric(REMAINING);
  const { headers } = await stage.atlas.get(pathOf(0));
  const difference = Math.abs(believed - Number(headers['ratelimit-remaining']));
  check(difference <= 10, `the gateway counts ${believed}, Atlas ${headers['ratelimit-remaining']}`);
}

async function failedWalk({ open, check }) {
  const size = { items: 49_500 };
  const stage = await open({ cache: 'maxBytes: 256MiB, maxItems: 50000' });
  await stage.atlas.fill([pathOf(0)], size);
  await stage.atlas.change({ latency: '50ms', lists: [size] });
  const read = stage.read(pathOf(0));
  await sleep(180);
  await stage.atlas.change({ lists: [{ ...size, status: 403 }] });
  await read;
  await settled(stage);
  await stage.atlas.change({ lists: [{ items: 1 }] });
  await compare(stage, check);
  return { needed: 3 };
}

async function strayLimit({ open, check }) {
  const stage = await open();
  await stage.atlas.fill([pathOf(0)], { items: 100 });
  await stage.atlas.change({ rateLimits: { rate: 1 }, lists: [{ items: 100 }] });
  const read = stage.read(pathOf(0));
  await sleep(100);
  await stage.atlas.change({ lists: [{ items: 100 }] });
  await read;
  await sleep(5_000);
  await stage.read(pathOf(0), { headers: { 'cache-control': 'no-cache' } });
  await settled(stage);
  await compare(stage, check);
  return { needed: 3 };
}

export const BUDGET = [
  { row: 108, what: 'a walk that fails', run: failedWalk },
  { row: 108, what: 'a stray 429', run: strayLimit },
];
