import { existsSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { say } from '../support/command.ts';
import { ACCEPT, linksOf, type Running, startGateway } from '../support/running.ts';

const { orders } = SAMPLE_PROJECTS;
const PUBLIC_URL = 'http://gateway.test';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-socket-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const at = (name: string) => join(folder, name);
const onSockets = (): Promise<Running> =>
  startGateway({
    config: {
      listen: { socket: at('api.sock'), publicUrl: PUBLIC_URL },
      admin: { socket: at('admin.sock') },
    },
  });

function askSocket(
  socketPath: string,
  path: string,
  more: Record<string, string> = {},
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { accept: ACCEPT, ...more };
    const asked = request({ socketPath, path, headers, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    asked.on('error', reject);
    asked.end();
  });
}

const listenAt = async (path: string) => {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return () => new Promise((resolve) => server.close(resolve));
};

test('146: both listeners on Unix sockets → served, closed to other users, and removed at the end', async () => {
  const running = await onSockets();
  try {
    expect([running.origin, running.admin]).toEqual([`unix:${at('api.sock')}`, `unix:${at('admin.sock')}`]);
    const list = await askSocket(at('api.sock'), linksOf(orders));
    expect(list.status).toBe(200);
    expect(list.text).toContain(`"href":"${PUBLIC_URL}/api/atlas/v2/groups/`);
    for (const socket of ['api.sock', 'admin.sock']) {
      expect((await askSocket(at(socket), '/readyz')).status).toBe(200);
      expect(statSync(at(socket)).mode & 0o777).toBe(0o660);
    }
    expect((await askSocket(at('admin.sock'), '/status.json')).status).toBe(200);
    expect(await say(['healthcheck', '--url', `unix:${at('admin.sock')}`])).toMatchObject({ code: 0 });
    expect(
      await say(['healthcheck'], { env: { ATLAS_GATEWAY_ADMIN_SOCKET: at('admin.sock') } }),
    ).toMatchObject({ code: 0, out: 'ready\n' });
  } finally {
    await running.stop();
  }
  for (const socket of ['api.sock', 'admin.sock'])
    expect(statSync(at(socket), { throwIfNoEntry: false })).toBeUndefined();
  expect(await say(['healthcheck', '--url', `unix:${at('admin.sock')}`])).toMatchObject({
    code: 1,
    err: `not ready: no response from unix:${at('admin.sock')}\n`,
  });
});

test('146: a socket that a killed process left behind → replaced', async () => {
  const close = await listenAt(at('first.sock'));
  renameSync(at('first.sock'), at('api.sock'));
  await close();
  expect(statSync(at('api.sock')).isSocket()).toBe(true);
  const running = await onSockets();
  expect((await askSocket(at('api.sock'), '/healthz')).status).toBe(200);
  await running.stop();
});

test('146: a proxy on the socket that forwards addresses → its clients are logged, where unix: is trusted', async () => {
  const listen = { socket: at('api.sock'), publicUrl: PUBLIC_URL, trustedProxies: ['unix:'] };
  const running = await startGateway({ config: { listen } });
  try {
    const clientOf = async () => {
      await askSocket(at('api.sock'), linksOf(orders), { 'x-forwarded-for': '198.51.100.1, 203.0.113.9' });
      return JSON.parse(running.logLines.at(-1) ?? '{}').clientIp;
    };
    expect(await clientOf()).toBe('203.0.113.9');
    running.reload({ listen: { ...listen, trustedProxies: ['10.0.0.0/8'] } });
    expect(await clientOf()).toBeUndefined();
  } finally {
    await running.stop();
  }
});

test('146: a socket that another process listens on → kept, and the start fails', async () => {
  const close = await listenAt(at('api.sock'));
  await expect(onSockets()).rejects.toThrow(
    `Socket ${at('api.sock')} is in use: stop the process that listens there, or set listen.socket to another path.`,
  );
  expect(statSync(at('api.sock')).isSocket()).toBe(true);
  await close();
});

test('146: a file at the path of the socket → kept, and the start fails', async () => {
  writeFileSync(at('admin.sock'), 'precious');
  await expect(onSockets()).rejects.toThrow(
    `${at('admin.sock')} exists and is not a socket: move it, or set admin.socket to another path.`,
  );
  expect(statSync(at('admin.sock')).size).toBe(8);
});

test('146: a socket in a folder that does not exist → the start fails with the remedy', async () => {
  await expect(
    startGateway({ config: { listen: { socket: at('none/api.sock'), publicUrl: PUBLIC_URL } } }),
  ).rejects.toThrow(/The folder of socket .*none\/api\.sock does not exist: create it/);
});

// Nobody can create a file in /proc, not even root.
test.skipIf(!existsSync('/proc'))(
  '146: a folder that is not writable → the start fails with the remedy',
  async () => {
    const listen = { socket: '/proc/api.sock', publicUrl: PUBLIC_URL };
    await expect(startGateway({ config: { listen } })).rejects.toThrow(/may not create socket/);
  },
);
