// Sweeps along `next` links over lists that lose and gain items all the time. Each is compared with what existed throughout.

const ITEMS = 1_300;
const PAGE_ITEMS = 100;
const LONGEST_PAUSE_MS = 200;

/** A list in the simulated Atlas, and when each of its items existed. */
function createChangingList(project, { simulator, address, choose }) {
  const history = new Map();
  let created = 0;
  const create = () => {
    const id = (++created).toString(16).padStart(24, '0');
    history.set(id, { from: Date.now(), until: Number.POSITIVE_INFINITY });
    return { _id: id, name: `${project.name} ${created}`, provider: 'AWS' };
  };
  let items = Array.from({ length: ITEMS }, create);
  const publish = () => simulator.world.replace(address, items);
  publish();
  return {
    address,
    /** One item disappears and one appears, each anywhere in the list. */
    change() {
      const gone = choose(items.length);
      history.get(items[gone]._id).until = Date.now();
      items = items.toSpliced(gone, 1);
      items = items.toSpliced(choose(items.length + 1), 0, create());
      publish();
    },
    /** Ids of the items that existed all the time between two moments. */
    between: (from, until) =>
      [...history].filter(([, life]) => life.from <= from && life.until >= until).map(([id]) => id),
  };
}

/** `readingMs`: how much older than its `Age` says a list may be. */
export function createSweeps({ projects, simulator, addressOf, choose, ask, headers, readingMs }) {
  const lists = projects.map((project) =>
    createChangingList(project, { simulator, choose, address: addressOf(project) }),
  );
  const report = { checked: 0, unchecked: 0, wrong: [] };

  /**
   * Reads a list to its end. Undefined if it cannot be compared: a page failed, the list was still being loaded, or the links no longer led
   * to the listing of the first page.
   */
  async function read(origin, { address }) {
    const ids = [];
    let from;
    let target = `${origin}${address}?itemsPerPage=${PAGE_ITEMS}`;
    while (target !== undefined) {
      const reply = await ask(target, { headers });
      if (reply.status !== 200 || /detail=(partial|snapshot-gone)/.test(reply.headers['cache-status']))
        return undefined;
      from ??= Date.now() - Number(reply.headers.age) * 1_000 - readingMs;
      const { links, results } = JSON.parse(reply.text);
      ids.push(...results.map(({ _id }) => _id));
      target = links.find(({ rel }) => rel === 'next')?.href;
      if (target !== undefined && !target.includes('snapshot=')) return undefined;
      await new Promise((resolve) => setTimeout(resolve, choose(LONGEST_PAUSE_MS)));
    }
    return { ids, from };
  }

  return {
    report,
    change() {
      for (const list of lists) list.change();
    },
    /** One sweep of any of the lists. */
    async sweep(origin) {
      const list = lists[choose(lists.length)];
      const swept = await read(origin, list);
      if (swept === undefined) {
        report.unchecked++;
        return;
      }
      report.checked++;
      const found = new Set(swept.ids);
      const missed = list.between(swept.from, Date.now()).filter((id) => !found.has(id));
      const repeated = swept.ids.length - found.size;
      if (missed.length > 0 || repeated > 0)
        report.wrong.push(`${list.address}: ${missed.length} missed, ${repeated} repeated of ${found.size}`);
    },
  };
}
