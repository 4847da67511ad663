import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { closeIdleConnections } from '../../src/server/idle-connections.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const LOOK_MS = 10_000;
let server: Server;
afterEach(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));

async function listen(idleMs: number) {
  const clock = createFakeClock();
  const accepted: Socket[] = [];
  server = createServer({ keepAliveTimeout: 0 }, (_request, response) => response.end('here'));
  closeIdleConnections(server, { idleMs, tls: false }, { clock });
  server.on('connection', (socket: Socket) => accepted.push(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const ask = () =>
    new Promise<string>((resolve) => {
      client.once('data', (bytes) => resolve(bytes.toString()));
      client.write('GET / HTTP/1.1\r\nHost: here\r\n\r\n');
    });
  const closed = new Promise<'closed'>((resolve) => client.once('close', () => resolve('closed')));
  return { clock, ask, closed, timeout: () => accepted[0]?.timeout ?? 0 };
}

test('a connection without traffic is closed', async () => {
  const { clock, ask, closed } = await listen(1);
  expect(await ask()).toContain('200 OK');
  await clock.advance(2 * LOOK_MS);
  expect(await closed).toBe('closed');
});

test('an active connection has no timer, and an idle one loses it with the next request', async () => {
  const { clock, ask, timeout } = await listen(60_000);
  for (let times = 0; times < 5; times++) {
    await ask();
    await clock.advance(LOOK_MS);
    expect(timeout()).toBe(0);
  }
  await clock.advance(LOOK_MS);
  expect(timeout()).toBe(60_000);
  await ask();
  await clock.advance(LOOK_MS);
  expect(timeout()).toBe(0);
});
