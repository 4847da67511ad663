// The simulator as shipped, in a process of its own, with weather that can be changed while it runs.
import { spawn } from 'node:child_process';
import { weatherProjectId } from '../../../dist/simulator/world.js';
import { ask, askUntil } from '../ask.mjs';
import { ACCEPT, authorize } from '../atlas.mjs';
import { MAIN } from '../gateway.mjs';
import { freePort, pinned } from '../processes.mjs';

const PAGE_SIZE = 500;

export const pathOf = (index, list = 'streams/privateLinkConnections') =>
  `/api/atlas/v2/groups/${weatherProjectId(index)}/${list}`;
export const projectOf = weatherProjectId;

/** Starts the simulator with `projects` projects and calm weather; passes `atEnd` what ends it, as soon as it runs. */
export async function startWeatherAtlas(projects, { atEnd }) {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const [program, ...args] = pinned('load', [process.execPath, MAIN, 'simulator', '--port', String(port)]);
  const child = spawn(program, args, { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('close', resolve));
  atEnd(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  await askUntil(origin, '/simulator/faults', {}, { alive: () => child.exitCode === null });

  const control = async (method, path, body) => {
    const answer = await ask(origin, path, { method, body });
    if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.body}`);
    return JSON.parse(answer.body.toString());
  };
  const change = (weather) => control('POST', '/simulator/weather', JSON.stringify({ projects, ...weather }));
  await change({});

  const authorization = await authorize(origin);
  const get = (target, accept = ACCEPT) => ask(origin, target, { headers: { accept, authorization } });

  return {
    origin,
    change,
    get,
    /** Reads lists once with their sizes and without latency, so that the simulator does not generate them during a measurement. */
    async fill(paths, sizes) {
      await change({ lists: [sizes] });
      const pages = Math.ceil((sizes.items ?? PAGE_SIZE) / PAGE_SIZE);
      for (const path of paths)
        for (let page = 1; page <= pages; page++)
          await get(`${path}?itemsPerPage=${PAGE_SIZE}&pageNum=${page}`);
      await control('DELETE', '/simulator/requests');
    },
    /** Targets of the list requests since the last `fill`. */
    calls: async () =>
      (await control('GET', '/simulator/requests')).filter(({ target }) => target.startsWith('/api/atlas/')),
    items: (path) => control('GET', `/simulator/items?path=${path}`),
  };
}
