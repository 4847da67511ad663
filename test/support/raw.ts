import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** A connection to a listener on loopback, over TLS if the origin is https. */
export function open(origin: string): Socket {
  const { protocol, hostname: host, port } = new URL(origin);
  return protocol === 'https:'
    ? connectTls({ host, port: Number(port), rejectUnauthorized: false })
    : connect(Number(port), host);
}

/** Everything a server sends in response to raw bytes until it closes the connection. */
export function raw(origin: string, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = open(origin);
    let answer = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      answer += chunk;
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
    socket.write(bytes, 'latin1');
  });
}
