import { createServer, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { digestAnswer, testKey } from '../support/caller-keys.ts';
import { raw } from '../support/raw.ts';
import { ACCEPT, ask, json, linksOf, type Running, startGateway } from '../support/running.ts';

const { orders } = SAMPLE_PROJECTS;
const PATH = '/tools/atlas';
const KEY = testKey(1);

describe.each([
  ['removes the path', true],
  ['keeps the path', false],
])('behind an ingress that %s', (_, strips) => {
  let running: Running;
  let ingress: ReturnType<typeof createServer>;
  let origin: string;
  beforeAll(async () => {
    ingress = createServer((incoming, outgoing) => {
      const { url = '', method, headers } = incoming;
      const { hostname, port } = new URL(running.origin);
      const path = strips ? url.slice(PATH.length) || '/' : url;
      const forwarded = request({ hostname, port, path, method, headers, agent: false }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(outgoing);
      });
      incoming.pipe(forwarded);
    });
    await new Promise<void>((resolve) => ingress.listen(0, '127.0.0.1', resolve));
    const address = ingress.address();
    origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
    running = await startGateway({
      config: {
        listen: { port: 0, publicUrl: `${origin}${PATH}/` },
        callers: [
          {
            name: 'team',
            keys: [{ id: KEY.id, sha256: KEY.sha256, ha1: { file: 'ha1' } }],
            projects: 'all',
          },
        ],
        anonymous: undefined,
      },
      files: { ha1: KEY.ha1 },
    });
  });
  afterAll(async () => {
    ingress.close();
    await running.stop();
  });
  const get = (path: string, headers: Record<string, string> = { authorization: KEY.bearer }) =>
    ask(origin, path, { headers: { accept: ACCEPT, ...headers } });

  test('127: links lead through it, and can be followed', async () => {
    const reply = await get(`${PATH}${linksOf(orders, '?itemsPerPage=1')}`);
    const { links } = json(reply);
    const next = links.find(({ rel }) => rel === 'next')?.href ?? '';
    expect(next).toMatch(new RegExp(`^${origin}${PATH}/api/atlas/v2/groups/`));
    const followed = await get(next.slice(origin.length));
    expect(followed.status).toBe(200);
    expect(followed.text).not.toBe(reply.text);
  });

  test('127: digest authenticates the target that the client requests', async () => {
    const target = `${PATH}${linksOf(orders, '?itemsPerPage=2')}`;
    const challenge = (await get(target, {})).headers['www-authenticate'] ?? '';
    expect((await get(target, { authorization: digestAnswer(challenge, KEY, target) })).status).toBe(200);
    const other = (await get(target, {})).headers['www-authenticate'] ?? '';
    const wrong = digestAnswer(other, KEY, `/elsewhere${linksOf(orders, '?itemsPerPage=2')}`);
    expect((await get(target, { authorization: wrong })).status).toBe(401);
  });

  test('127: a key is exchanged for a token', async () => {
    const exchanged = await ask(origin, `${PATH}/api/oauth/token`, {
      method: 'POST',
      headers: { authorization: KEY.basic },
      body: 'grant_type=client_credentials',
    });
    const { access_token: token }: { access_token: string } = JSON.parse(exchanged.text);
    expect((await get(`${PATH}${linksOf(orders)}`, { authorization: `Bearer ${token}` })).status).toBe(200);
  });

  test('127: the pages and probes are there too, and nothing else', async () => {
    for (const [path, status] of [
      ['', 200],
      ['/', 200],
      ['/?x', 200],
      ['/openapi.json', 200],
      ['/healthz', 200],
      ['/readyz', 200],
      ['/nothing', 404],
      ['/api/nothing', 501],
    ] as const)
      expect([path, (await get(`${PATH}${path}`)).status]).toEqual([path, status]);
    expect(json(await get(`${PATH}/api/atlas/v2/../x`)).errorCode).toBe('INVALID_REQUEST');
    expect(json(await get(`${PATH}//api/atlas/v2/groups`)).errorCode).toBe('INVALID_REQUEST');
  });

  test('127: without it, the paths of the API are the same', async () => {
    const direct = await running.get(linksOf(orders), { authorization: KEY.bearer });
    expect(direct.status).toBe(200);
    const absolute = `GET ${running.origin}${PATH}/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
    expect(await raw(running.origin, absolute)).toMatch(/^HTTP\/1\.1 200 /);
  });
});
