import { spawnSync } from 'node:child_process';
import { request } from 'node:https';
import { TLSSocket } from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { createCertificate } from '../support/certificate.ts';
import { say } from '../support/command.ts';
import { type Running, startGateway } from '../support/running.ts';

const hasOpenssl = spawnSync('openssl', ['version']).error === undefined;
if (!hasOpenssl)
  process.stderr.write('skipped: openssl is not installed, so TLS of the admin listener is not tested\n');

type Identity = ReturnType<typeof createCertificate>;
const TOKEN = 'canary-admin-token-0123456789';

let running: Running;
afterEach(() => running.stop());

const tls = (clientCa?: string) => ({
  admin: {
    port: 0,
    token: { file: 'token' },
    tls: {
      cert: { file: 'cert' },
      key: { file: 'key' },
      ...(clientCa === undefined ? {} : { clientCa: { file: clientCa } }),
    },
  },
});
const filesOf = ({ cert, key }: Identity, client?: Identity) => ({
  ...{ cert, key, token: TOKEN },
  ...(client === undefined ? {} : { client: client.cert }),
});

/** Status, cookie and certificate that the admin listener shows, or the code of an error. */
function askTls(
  path: string,
  { client, ...options }: { client?: Identity | undefined; method?: string; body?: string } = {},
): Promise<{ status: number; cookie: string | undefined; cert: Buffer | undefined } | string> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(running.admin);
    const asked = request(
      {
        ...{ hostname, port, path, method: options.method ?? 'GET' },
        ...{ rejectUnauthorized: false, agent: false, ...client },
      },
      (response) => {
        const { socket } = response;
        response.resume().on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            cookie: response.headers['set-cookie']?.[0],
            cert: socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.raw : undefined,
          }),
        );
      },
    );
    asked.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    asked.end(options.body);
  });
}

const lastReload = () =>
  JSON.parse(running.logLines.findLast((line) => line.includes('configuration reload')) ?? '{}');

test.skipIf(!hasOpenssl)(
  '147: the admin listener over TLS → served, with a cookie that needs TLS',
  async () => {
    const identity = createCertificate();
    running = await startGateway({ config: tls(), files: filesOf(identity) });
    expect(running.admin).toMatch(/^https:/);
    expect(await askTls('/metrics')).toMatchObject({ status: 200 });
    const signedIn = await askTls('/sign-in', { method: 'POST', body: `token=${TOKEN}` });
    expect(signedIn).toMatchObject({ status: 303, cookie: expect.stringMatching(/; Secure/) });
    expect(await say(['healthcheck', '--url', running.admin])).toMatchObject({ code: 0 });
    expect(await say(['healthcheck', '--url', running.admin.replace('https', 'http')])).toMatchObject({
      code: 1,
    });
  },
);

test.skipIf(!hasOpenssl)('147: its certificate is replaced → shown from the next connection on', async () => {
  const [one, two] = [createCertificate(), createCertificate()];
  running = await startGateway({ config: tls(), files: filesOf(one) });
  const before = await askTls('/healthz');
  running.reload(tls(), filesOf(two));
  expect(lastReload()).toMatchObject({ outcome: 'applied', problems: [] });
  const after = await askTls('/healthz');
  expect(before).toMatchObject({ cert: expect.any(Buffer) });
  expect(after).toMatchObject({ status: 200, cert: expect.any(Buffer) });
  expect(after).not.toEqual(before);
});

test.skipIf(!hasOpenssl)(
  '147: a client CA → only clients with a certificate of it, also after a reload that removes or replaces it',
  async () => {
    const [server, client, other] = [createCertificate(), createCertificate(), createCertificate()];
    running = await startGateway({ config: tls('client'), files: filesOf(server, client) });
    const statuses = async () => {
      const asked = [client, other, undefined].map((one) => askTls('/metrics', { client: one }));
      return (await Promise.all(asked)).map((answer) =>
        typeof answer === 'string' ? 'refused' : answer.status,
      );
    };
    expect(await statuses()).toEqual([200, 'refused', 'refused']);
    const identity = { cert: client.cert, key: client.key };
    const readFile = (path: string) => (path === 'cert' ? identity.cert : identity.key);
    const args = ['healthcheck', '--url', running.admin];
    expect(await say([...args, '--cert', 'cert', '--key', 'key'], { readFile })).toMatchObject({ code: 0 });
    expect(await say(args)).toMatchObject({ code: 1 });
    expect(await say([...args, '--cert', 'cert'], { readFile })).toMatchObject({ code: 2 });
    running.reload(tls(), filesOf(server));
    expect(lastReload()).toMatchObject({ problems: ['admin.tls.clientCa: takes effect at the next start'] });
    running.reload(tls(), filesOf(server));
    expect(await statuses()).toEqual([200, 'refused', 'refused']);
    running.reload(tls('client'), filesOf(server, other));
    expect(await statuses()).toEqual(['refused', 200, 'refused']);
  },
);
