// Sends requests to a server at a constant rate, pipelined on a few connections, in a separate process that can be pinned to a core.
// usage: node flood.mjs FILE, a JSON of { origin, kind, perSecond, seconds }; prints the number of requests sent and of responses by status.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { FLOODS } from './floods.mjs';

const CONNECTIONS = 8;
const EVERY_MS = 10;
const { origin, kind, perSecond, seconds } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const { hostname, port } = new URL(origin);
const statuses = {};
let sent = 0;

const sockets = Array.from({ length: CONNECTIONS }, () => {
  const socket = connect(Number(port), hostname);
  socket.setNoDelay(true);
  // A status line may be split across two chunks.
  let rest = '';
  socket.on('data', (chunk) => {
    const text = rest + chunk.toString('latin1');
    for (const [, status] of text.matchAll(/HTTP\/1\.1 (\d{3})/g))
      statuses[status] = (statuses[status] ?? 0) + 1;
    rest = text.slice(-11).includes('HTTP') ? text.slice(text.lastIndexOf('HTTP')) : '';
    if (/^HTTP\/1\.1 \d{3}/.test(rest)) rest = '';
  });
  socket.on('error', () => undefined);
  return socket;
});

const request = FLOODS[kind].request;
function write(socket) {
  const { target, headers } = request(sent++, randomBytes(12).toString('hex'));
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`GET ${target} HTTP/1.1\r\nHost: gateway.bench\r\n${lines.join('')}\r\n`);
}

const begun = performance.now();
const timer = setInterval(() => {
  const elapsedMs = performance.now() - begun;
  const due = Math.min(perSecond * seconds, Math.floor((elapsedMs * perSecond) / 1_000));
  while (sent < due) write(sockets[sent % CONNECTIONS]);
  if (elapsedMs < seconds * 1_000 + 500) return;
  clearInterval(timer);
  for (const socket of sockets) socket.destroy();
  process.stdout.write(JSON.stringify({ sent, statuses }));
}, EVERY_MS);
