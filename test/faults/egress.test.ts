import { spawnSync } from 'node:child_process';
import { afterEach, describe, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { createCertificate } from '../support/certificate.ts';
import {
  type ForwardProxy,
  hasProxy,
  PROXY_PASSWORD,
  PROXY_USER,
  startAnswering,
  startProxy,
  startTlsFront,
} from '../support/proxies.ts';
import { ask, json, linksOf, type Running, startGateway, startSimulator } from '../support/running.ts';

const { orders } = SAMPLE_PROJECTS;
const hasOpenssl = spawnSync('openssl', ['version']).error === undefined;
if (!hasOpenssl)
  process.stderr.write('skipped: openssl is not installed, so calls over TLS are not tested\n');

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  while (stops.length > 0) await stops.pop()?.();
});
function started<T extends { stop(): Promise<unknown> }>(one: T): T {
  stops.push(() => one.stop());
  return one;
}

/** A gateway whose Atlas is at this origin, behind this proxy. */
async function gatewayThrough(
  proxy: string | undefined,
  {
    origin,
    ca,
    credential = 'apiKey',
    timeout = '5s',
  }: { origin?: string; ca?: string; credential?: 'serviceAccount' | 'apiKey'; timeout?: string } = {},
): Promise<Running> {
  const atlas = origin ?? 'http://127.0.0.1:1';
  return started(
    await startGateway({
      credential,
      config: {
        upstream: {
          ...{ origin: atlas, timeout },
          ...(proxy === undefined ? {} : { proxy: { file: 'proxy' } }),
          ...(ca === undefined ? {} : { ca: { file: 'ca' } }),
        },
      },
      files: { proxy: proxy ?? '', ca: ca ?? '' },
    }),
  );
}

/** A simulated Atlas behind TLS. */
async function startAtlas() {
  const { simulator, atlas } = await startSimulator();
  stops.push(() => simulator.close());
  const identity = createCertificate();
  const { port } = started(await startTlsFront(atlas, identity));
  return { simulator, origin: `https://127.0.0.1:${port}`, port, ca: identity.cert };
}

const withLogin = ({ origin }: ForwardProxy, password = PROXY_PASSWORD) =>
  origin.replace('//', `//${PROXY_USER}:${password}@`);

describe.skipIf(!hasOpenssl).each(['tinyproxy', 'squid'] as const)('%s', (program) => {
  const installed = hasProxy(program);

  test
    .skipIf(!installed)
    .each(
      (['serviceAccount', 'apiKey'] as const).flatMap((credential) =>
        [false, true].map((authenticated) => ({ credential, authenticated })),
      ),
    )('143: a %o reaches Atlas over TLS through the proxy', async ({ credential, authenticated }) => {
    const { origin, port, ca, simulator } = await startAtlas();
    const proxy = started(await startProxy(program, { authenticated }));
    const running = await gatewayThrough(authenticated ? withLogin(proxy) : proxy.origin, {
      ...{ origin, ca, credential },
    });
    expect((await running.get(linksOf(orders))).status).toBe(200);
    const agents = new Set(simulator.requests.map(({ headers }) => headers['user-agent']));
    expect([...agents]).toEqual(['atlas-gateway/0.0.0']);
    expect(running.logLines.join('')).not.toContain(PROXY_PASSWORD);
    // Squid logs a connection when it ends.
    await stops.pop()?.();
    await expect.poll(() => proxy.log()).toContain(`CONNECT 127.0.0.1:${port}`);
  });

  test.skipIf(!installed).each([
    ['without credentials', undefined, /asks for a user and a password \(407\), and none are configured\.$/],
    ['with a wrong password', 'wrong-password', /rejects the configured user or password \(40[17]\)\.$/],
  ])('144: %s, a proxy that requires them → 502 that says so', async (_, password, why) => {
    const proxy = started(await startProxy(program, { authenticated: true }));
    const address = password === undefined ? proxy.origin : withLogin(proxy, password);
    const running = await gatewayThrough(address);
    const reply = await running.get(linksOf(orders));
    expect([reply.status, json(reply).errorCode]).toEqual([502, 'UPSTREAM_UNREACHABLE']);
    expect(json(reply).detail).toMatch(why);
    expect(json(reply).detail).toContain(`The proxy ${proxy.origin} `);
    expect(running.logLines.join('')).not.toContain('wrong-password');
  });

  test.skipIf(!installed)(
    '144: an Atlas that the proxy cannot reach → 502 with the status of the proxy',
    async () => {
      const proxy = started(await startProxy(program));
      const running = await gatewayThrough(proxy.origin);
      const reply = await running.get(linksOf(orders));
      expect([reply.status, json(reply).errorCode]).toEqual([502, 'UPSTREAM_UNREACHABLE']);
      expect(json(reply).detail).toMatch(
        /^The proxy http:\/\/127\.0\.0\.1:\d+ answered 50\d instead of opening a connection to Atlas\.$/,
      );
    },
  );
});

describe('144: a proxy that', () => {
  const HTML = '<html><body>Please log in</body></html>';
  const page = (status: string) =>
    `HTTP/1.1 ${status}\r\nContent-Type: text/html\r\nContent-Length: ${HTML.length}\r\n\r\n${HTML}`;

  test.each([
    [
      'shows its own page',
      page('200 OK'),
      /answered with an HTML page instead of opening a connection to Atlas/,
    ],
    ['answers an HTML error', page('403 Forbidden'), /answered 403 instead of opening a connection to Atlas/],
    ['redirects', 'HTTP/1.1 302 Found\r\nLocation: http://login\r\n\r\n', /answered 302 instead of opening/],
    ['is no HTTP server', 'SSH-2.0-OpenSSH_9.6\r\n', /does not answer like an HTTP proxy\./],
    ['closes the connection', '', /closed the connection before it led to Atlas \(UND_ERR_SOCKET\)/],
  ])('%s → 502 that names it', async (_, answer, why) => {
    const { port } = started(await startAnswering(answer));
    const running = await gatewayThrough(`http://${PROXY_USER}:${PROXY_PASSWORD}@127.0.0.1:${port}`);
    const reply = await running.get(linksOf(orders));
    expect([reply.status, json(reply).errorCode]).toEqual([502, 'UPSTREAM_UNREACHABLE']);
    expect(json(reply).detail).toMatch(why);
    expect(json(reply).detail).toContain(`http://127.0.0.1:${port}`);
    expect(running.logLines.join('')).not.toContain(PROXY_PASSWORD);
  });

  test('does not listen → 502 that names it', async () => {
    const { port, stop } = await startAnswering('');
    await stop();
    const running = await gatewayThrough(`http://127.0.0.1:${port}`);
    const reply = await running.get(linksOf(orders));
    expect([reply.status, json(reply).detail]).toEqual([
      502,
      `The proxy http://127.0.0.1:${port} cannot be reached (ECONNREFUSED).`,
    ]);
  });

  test.each(['serviceAccount', 'apiKey'] as const)(
    'hangs, for a %s → 504 that names it',
    async (credential) => {
      const { port } = started(await startAnswering(undefined));
      const running = await gatewayThrough(`http://127.0.0.1:${port}`, { timeout: '400ms', credential });
      const reply = await running.get(linksOf(orders));
      expect([reply.status, json(reply).errorCode]).toEqual([504, 'UPSTREAM_TIMEOUT']);
      expect(json(reply).detail).toBe(
        `The proxy http://127.0.0.1:${port} did not open a connection to Atlas in time.`,
      );
    },
  );

  test('speaks no TLS although its address is https → 502 that names it', async () => {
    const { port } = started(await startAnswering('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const running = await gatewayThrough(`https://127.0.0.1:${port}`);
    const reply = await running.get(linksOf(orders));
    expect([reply.status, json(reply).errorCode]).toEqual([502, 'UPSTREAM_TLS']);
    expect(json(reply).detail).toContain(
      `No trusted TLS connection to the proxy https://127.0.0.1:${port} (`,
    );
  });
});

test.skipIf(!hasOpenssl)(
  '145: an Atlas whose certificate a company has signed → refused, and accepted with upstream.ca',
  async () => {
    const { origin, ca } = await startAtlas();
    const distrusting = await gatewayThrough(undefined, { origin });
    const refused = await distrusting.get(linksOf(orders));
    expect([refused.status, json(refused).detail]).toEqual([
      502,
      'No trusted TLS connection to Atlas (DEPTH_ZERO_SELF_SIGNED_CERT).',
    ]);
    const trusting = await gatewayThrough(undefined, { origin, ca });
    expect((await trusting.get(linksOf(orders))).status).toBe(200);
    expect((await ask(trusting.admin, '/readyz')).status).toBe(200);
  },
);
