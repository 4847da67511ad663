// The upstream servers: the embedded simulator with lists of known lengths, and a plain server with the same bodies.

import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { createSystemClock } from '../../dist/lib/clock.js';
import { createSystemRandom } from '../../dist/lib/random.js';
import { privateLinkConnection } from '../../dist/simulator/items.js';
import { createSimulator } from '../../dist/simulator/server.js';
import { SAMPLE_CREDENTIALS } from '../../dist/simulator/world.js';
import { ask } from './ask.mjs';

export const ACCEPT = 'application/vnd.atlas.2023-02-01+json';
export const CREDENTIAL = SAMPLE_CREDENTIALS.serviceAccount;
export const ORG = '5f0a1b2c3d4e5f6071829301';

export const projectId = (number) => `b${number.toString(16).padStart(23, '0')}`;
export const listPath = (project) => `/api/atlas/v2/groups/${project}/streams/privateLinkConnections`;

/** Realistic items of about half a kilobyte each. */
export const items = (seed, count) =>
  Array.from({ length: count }, (_none, index) => ({
    ...privateLinkConnection(seed, index),
    dnsDomain: `${seed}-${index}.eu-west-1.confluent.private.example.net`,
    serviceEndpointId: `/subscriptions/fd01adff-b37e-4693-8497-83ecf183a145/resourceGroups/${seed}/providers/Microsoft.EventHub/namespaces/hub-${index}`,
    interfaceEndpointId: `vpce-${createHash('md5').update(`${seed}/${index}`).digest('hex').slice(0, 17)}`,
  }));

/** The `Authorization` header with a token of the simulator. */
export async function authorize(origin) {
  const { clientId, clientSecret } = CREDENTIAL;
  const { body } = await ask(origin, '/api/oauth/token', {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}` },
    body: 'grant_type=client_credentials',
  });
  return `Bearer ${JSON.parse(body.toString()).access_token}`;
}

/** A simulated Atlas on loopback; `lists` contains the number of items per project. Lists of the same length are identical. */
export async function startAtlas(lists) {
  const projects = Object.keys(lists).map((id) => ({
    id,
    name: `bench-${id.slice(-6)}`,
    orgId: ORG,
    connections: 0,
    visible: true,
  }));
  const limits = { streams: { capacity: 1e9, refill: 1e9, perMs: 60_000 } };
  const simulator = createSimulator(
    { projects, limits },
    { clock: createSystemClock(), random: createSystemRandom() },
  );
  const byCount = new Map([...new Set(Object.values(lists))].map((count) => [count, items('list', count)]));
  for (const [id, count] of Object.entries(lists)) simulator.world.replace(listPath(id), byCount.get(count));
  const origin = await simulator.listen(0);
  const authorization = await authorize(origin);
  return {
    origin,
    simulator,
    authorization,
    get: (target) => ask(origin, target, { headers: { accept: ACCEPT, authorization } }),
    close: () => simulator.close(),
  };
}

/** The upstream of the other caches: serves the targets of `bodies` (a Map), compressed if the client accepts it. */
export async function startStub(bodies) {
  const cachedHead = new Map(
    [...bodies].map(([target, plain]) => {
      const tag = createHash('sha256').update(plain).digest('base64url').slice(0, 27);
      const forms = {
        identity: { bytes: plain, etag: `"${tag}"` },
        gzip: { bytes: gzipSync(plain), etag: `"${tag}-gzip"` },
        br: { bytes: brotliCompressSync(plain), etag: `"${tag}-br"` },
      };
      return [target, forms];
    }),
  );
  const server = createServer((request, response) => {
    const forms = cachedHead.get(request.url);
    if (forms === undefined) {
      response.writeHead(404).end();
      return;
    }
    const accepted = request.headers['accept-encoding'] ?? '';
    const coding = ['br', 'gzip'].find((one) => accepted.includes(one)) ?? 'identity';
    const { bytes, etag } = forms[coding];
    response.writeHead(200, {
      'Content-Type': `${ACCEPT};charset=utf-8`,
      'Content-Length': bytes.length,
      ETag: etag,
      'Cache-Control': 'max-age=86400',
      Vary: 'Accept-Encoding',
      ...(coding === 'identity' ? {} : { 'Content-Encoding': coding }),
    });
    response.end(bytes);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}
