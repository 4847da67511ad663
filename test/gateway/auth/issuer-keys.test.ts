import { createServer, type RequestListener } from 'node:http';
import { connect, type Socket } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, expect, test } from 'vitest';
import { createIssuerKeys, fetchKeySet } from '../../../src/gateway/auth/issuer-keys.ts';
import { SAMPLE_PROJECTS } from '../../../src/simulator/world.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { linksOf, startGateway } from '../../support/running.ts';

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  while (stops.length > 0) await stops.pop()?.();
});

/** An HTTP server on loopback, and the targets of the CONNECT requests that it has tunnelled. */
async function startServer(answer: RequestListener): Promise<{ origin: string; tunnels: string[] }> {
  const tunnels: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer(answer).on('connect', ({ url = '' }, client: Socket) => {
    tunnels.push(url);
    const inner = connect(Number(url.split(':')[1]), '127.0.0.1');
    for (const socket of [client, inner]) sockets.add(socket.on('error', () => undefined));
    client.write('HTTP/1.1 200 Connection established\r\n\r\n');
    client.pipe(inner).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(() => {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  return { origin: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`, tunnels };
}

test('the key set of an issuer is fetched through its proxy', async () => {
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const keys = [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'RS256' }];
  const keyServer = await startServer((_request, response) => response.end(JSON.stringify({ keys })));
  const proxy = await startServer((_request, response) => response.writeHead(500).end());
  const [issuer, audience] = ['https://issuer', 'atlas-gateway'];
  const running = await startGateway({
    config: {
      issuers: [{ issuer, audience, jwks: { url: `${keyServer.origin}/keys`, proxy: { file: 'proxy' } } }],
      callers: [{ name: 'orders', jwt: { issuer, subject: 'orders' }, projects: 'all' }],
      anonymous: undefined,
    },
    files: { proxy: proxy.origin },
  });
  stops.push(() => running.stop());
  const token = await new SignJWT({ iss: issuer, aud: audience, sub: 'orders' })
    .setProtectedHeader({ alg: 'RS256', kid: 'one' })
    .setExpirationTime('1h')
    .sign(privateKey);
  const reply = await running.get(linksOf(SAMPLE_PROJECTS.orders), { authorization: `Bearer ${token}` });
  expect(reply.status).toBe(200);
  expect(proxy.tunnels).toEqual([new URL(keyServer.origin).host]);
});

test('a proxy that opens no tunnel is a failure of the key server', async () => {
  const keyServer = await startServer((_request, response) => response.end('{"keys":[]}'));
  const refusing = await startServer(() => undefined);
  await stops.pop()?.();
  const fetched = fetchKeySet(
    { url: new URL(keyServer.origin), proxy: { origin: refusing.origin } },
    AbortSignal.timeout(5_000),
  );
  await expect(fetched).rejects.toThrow();
});

test('keys are fetched again when their proxy changes, and only then', () => {
  const keys = createIssuerKeys({ clock: createFakeClock(), fetchSet: async () => ({ keys: [] }) });
  const url = new URL('https://issuer/keys');
  const direct = keys.keysOf({ url });
  expect(keys.keysOf({ url: new URL(url) })).toBe(direct);
  expect(keys.keysOf({ url, proxy: { origin: 'http://proxy' } })).not.toBe(direct);
  keys.retain([{ url }]);
  expect(keys.keysOf({ url })).toBe(direct);
});
