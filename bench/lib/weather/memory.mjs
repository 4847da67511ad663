// Memory and the event loop with large lists and a body that unpacks into millions of items: rows 110 and 111.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { gzipSync } from 'node:zlib';
import { pathOf } from './atlas.mjs';
import { pageQuery, sleep, times } from './stage.mjs';

function largeLists(count, mostMiB) {
  return async ({ open, check, short }) => {
    const size = { items: short ? 2_000 : 9_900, itemBytes: '20KiB' };
    const stage = await open({ projects: count, cache: 'maxBytes: 64MiB' });
    const lists = times(count).map((index) => pathOf(index));
    await stage.atlas.change({ lists: [size] });
    // Generates the lists; their pages are too large to be remembered.
    for (const path of lists) await stage.atlas.get(`${path}${pageQuery(1, 1)}`);
    const before = (await stage.measures()).calls;
    const replies = await stage.readAll(lists);
    const failed = replies.filter(({ status }) => status !== 200).length;
    check(failed === 0, `${failed} of ${count} failed`);
    await sleep(3_000);
    const { peakMiB } = await stage.measures();
    check(peakMiB < mostMiB, `peak of ${Math.round(peakMiB)} MiB, ${mostMiB} allowed`);
    return { needed: before + count };
  };
}

/** An Atlas that answers every list with a small body that unpacks into millions of items. */
async function startBomb() {
  const count = 8_000_000;
  const bomb = gzipSync(`{"links":[],"results":[${'1,'.repeat(count - 1)}1],"totalCount":${count}}`, {
    level: 9,
  });
  const server = createServer((request, response) => {
    request.resume();
    if (request.method === 'POST') {
      response.end('{"access_token":"token","expires_in":3600,"token_type":"Bearer"}');
      return;
    }
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' }).end(bomb);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, origin: `http://127.0.0.1:${server.address().port}` };
}

async function bomb({ open, check }) {
  const { server, origin } = await startBomb();
  const stage = await open({ cache: 'maxBytes: 64MiB', atlasOrigin: origin });
  const reply = await stage.read(pathOf(0));
  check(
    reply.status === 502 && reply.errorCode === 'UPSTREAM_TOO_LARGE',
    `answered ${reply.status} ${reply.errorCode}`,
  );
  const { peakMiB } = await stage.measures();
  check(peakMiB < 200, `peak of ${Math.round(peakMiB)} MiB, 200 allowed`);
  server.close();
  server.closeAllConnections();
  return { needed: 0 };
}

async function eventLoop({ open, check, short }) {
  const size = { items: short ? 2_000 : 9_000, itemBytes: '3500B' };
  const stage = await open({ cache: 'maxBytes: 256MiB, projectShare: 0.5' });
  const path = pathOf(0);
  await stage.atlas.fill([path], size);
  const headers = { 'accept-encoding': 'br, gzip' };
  const first = await stage.read(`${path}${pageQuery(1, 500)}`, { headers });
  check(first.status === 200, `answered ${first.status}`);
  await sleep(3_000);
  for (let round = 0; round < 3; round++)
    await stage.read(`${path}${pageQuery(1 + round, 500)}`, { headers });
  await sleep(500);
  const { lagMs } = await stage.measures();
  check(lagMs <= 100, `the event loop was blocked for ${Math.round(lagMs)} ms`);
  return { needed: Math.ceil(size.items / 500) };
}

export const MEMORY = [
  { row: 110, what: '9 900 items of 20 KB', run: largeLists(1, 300) },
  { row: 110, what: 'four of them at once', run: largeLists(4, 450) },
  { row: 110, what: 'millions of items in a small body', run: bomb },
  { row: 111, what: 'a list of 31 MiB', run: eventLoop },
];
