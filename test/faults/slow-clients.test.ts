import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { ACCEPT, ask, linksOf, startGateway } from '../support/running.ts';

const { orders, payments } = SAMPLE_PROJECTS;

/** The response to a request that is sent piece by piece. */
function slowly(origin: string, first: string, piece: string): Promise<string> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(origin);
    const socket = connect(Number(port), hostname, () => socket.write(first));
    const timer = setInterval(() => socket.write(piece), 500);
    let told = '';
    socket.on('data', (chunk) => {
      told += chunk;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearInterval(timer);
      resolve(told);
    });
  });
}

test('65: headers and bodies that arrive a byte at a time → 408, while others are answered', {
  timeout: 40_000,
}, async () => {
  const running = await startGateway();
  const POST = 'POST /api/oauth/token HTTP/1.1\r\nHost: gateway\r\nContent-Length: 1000\r\n\r\n';
  const [headers, body, other] = await Promise.all([
    slowly(running.origin, `GET ${linksOf(orders)} HTTP/1.1\r\nHost: gateway\r\nX-Slow: `, 'x'),
    slowly(running.origin, POST, 'x'),
    running.get(linksOf(orders)),
  ]);
  expect(headers).toMatch(/^HTTP\/1\.1 408 [\s\S]*"errorCode":"REQUEST_TIMEOUT"/);
  expect(body).toMatch(/^HTTP\/1\.1 408 [\s\S]*"errorCode":"REQUEST_TIMEOUT"/);
  expect(other.status).toBe(200);
  await running.stop();
});

test('65: two hundred clients that do not read their responses → memory bounded, others answered', async () => {
  const running = await startGateway();
  const { bytes } = { bytes: (await running.get(linksOf(payments, '?itemsPerPage=500'))).body.length };
  const before = process.memoryUsage().rss;
  const { hostname, port } = new URL(running.origin);
  const line = `GET ${linksOf(payments, '?itemsPerPage=500')} HTTP/1.1\r\nHost: gateway\r\nAccept: ${ACCEPT}\r\n\r\n`;
  const sockets = Array.from({ length: 200 }, () => {
    const socket = connect(Number(port), hostname, () => socket.write(line.repeat(20)));
    socket.on('error', () => undefined);
    socket.pause();
    return socket;
  });
  await expect
    .poll(async () => JSON.parse((await ask(running.admin, '/status.json')).text).requests)
    .toBeGreaterThan(200);
  expect((await running.get(linksOf(orders))).status).toBe(200);
  // Four thousand responses are pending; they reference the cached bytes without copying them.
  expect(process.memoryUsage().rss - before).toBeLessThan((4_000 * bytes) / 4);
  for (const socket of sockets) socket.destroy();
  await running.stop();
});
