// Lists that fail or hang: rows 100 and 112.
import { pathOf, projectOf } from './atlas.mjs';
import { isHit, sleep, times } from './stage.mjs';

const POLLED = 10;
const LATENCY = '90ms';

function besideSick(sick, rule) {
  return async ({ open, check, short }) => {
    const seconds = short ? 15 : 90;
    const projects = sick + POLLED + seconds;
    const stage = await open({ projects });
    const lists = times(projects).map((index) => pathOf(index));
    await stage.atlas.fill(lists, { items: 100 });
    const rules = times(sick).map((index) => ({ project: projectOf(index), ...rule }));
    await stage.atlas.change({ latency: LATENCY, lists: [{ items: 100 }, ...rules] });
    const pending = [];
    for (let second = 0; second < seconds; second++) {
      const others = [...lists.slice(sick, sick + POLLED), lists[sick + POLLED + second]];
      pending.push(stage.readAll(others));
      void stage.readAll(lists.slice(0, sick), { counts: false });
      await sleep(1_000);
    }
    const failed = (await Promise.all(pending)).flat().filter(({ status }) => status !== 200).length;
    check(failed === 0, `${failed} reads of other lists failed`);
    const calls = await stage.atlas.calls();
    const most = 6 + seconds / 5;
    const worst = Math.max(
      ...lists.slice(0, sick).map((path) => calls.filter(({ target }) => target.startsWith(path)).length),
    );
    check(worst <= most, `a sick list cost ${worst} calls, ${most} allowed`);
    return { needed: Math.round(sick * (2 + seconds / 5) + (POLLED * seconds) / 30 + seconds) };
  };
}

async function failingRefresh({ open, check, short }) {
  const seconds = short ? 20 : 90;
  const stage = await open({ cache: 'fresh: 1s, staleWhileRevalidate: 1h' });
  const path = pathOf(0);
  await stage.atlas.fill([path], { items: 100 });
  await stage.read(path);
  await stage.atlas.change({ lists: [{ items: 100, status: 500 }] });
  const before = (await stage.measures()).calls;
  for (let second = 0; second < seconds; second++) {
    await stage.read(path);
    await sleep(1_000);
  }
  const attempts = (await stage.measures()).calls - before;
  check(attempts >= 2, `only ${attempts} attempts in ${seconds} s`);
  const most = short ? 6 : 10;
  check(attempts <= most, `${attempts} attempts in ${seconds} s, ${most} allowed`);
  await stage.atlas.change({ lists: [{ items: 100 }] });
  let refreshed = false;
  // The longest pause is 60 s.
  for (let second = 0; second < 65 && !refreshed; second++) {
    refreshed = isHit(await stage.read(path));
    await sleep(1_000);
  }
  check(refreshed, 'not refreshed within 65 s of the recovery');
  return { needed: attempts + before + 1 };
}

async function coldFailure({ open, check }) {
  const stage = await open();
  await stage.atlas.change({ lists: [{ status: 500 }] });
  for (let attempt = 0; attempt < 2; attempt++) await stage.read(pathOf(0));
  const before = (await stage.measures()).calls;
  await sleep(1_000);
  await stage.read(pathOf(0));
  const more = (await stage.measures()).calls - before;
  check(more === 0, `a third read cost ${more} calls`);
  check(
    stage.replies.every(({ status }) => status === 502),
    'not answered 502',
  );
  return { needed: 6 };
}

export const SICK_LISTS = [
  { row: 100, what: 'one list answers 500', run: besideSick(1, { status: 500 }) },
  { row: 100, what: 'one list hangs', run: besideSick(1, { hangs: true }) },
  { row: 100, what: 'forty lists answer 500', run: besideSick(40, { status: 500 }) },
  { row: 100, what: 'forty lists hang', run: besideSick(40, { hangs: true }) },
  { row: 112, what: 'a refresh that fails', run: failingRefresh },
  { row: 112, what: 'a second cold failure', run: coldFailure },
];
