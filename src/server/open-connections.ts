import type { ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** The open connections of an HTTP server, including those whose TLS handshake is incomplete. */
export interface OpenConnections {
  /** Whether requests can arrive on this connection: over TLS, whether its handshake is complete. */
  has(socket: Duplex): boolean;
  /** Records the response to the latest request of a connection; false where too many before it are not yet received. */
  begin(socket: Duplex, response: ServerResponse): boolean;
  lastResponse(socket: Duplex): ServerResponse | undefined;
  /** The responses of a connection that are not complete yet, in the order of their requests. */
  pending(socket: Duplex): readonly ServerResponse[];
  /** Adds `Connection: close` to every response whose headers are not sent yet. */
  announceClose(): void;
  /** Closes each connection once its last response is handed to the operating system, unused connections at once. */
  closeWhenWritten(): void;
}

interface Connection {
  readonly socket: Socket;
  last: ServerResponse | undefined;
  /** Responses in the order of their requests, without those at the front that are finished. */
  readonly unfinished: ServerResponse[];
}

/**
 * Responses that may wait on one connection. Node parses what a client pipelines whether or not the client reads the answers, so this is
 * the bound on what a connection can make the gateway keep.
 */
const MAX_UNFINISHED = 32;

const peerOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`;

/**
 * Bounds the TCP connections whose TLS handshake is incomplete: each occupies memory before anything is known about the client. Over the
 * limit the oldest is closed, which is the least likely to complete.
 */
function trackHandshakes(server: Server, max: number): { closeAll(): void } {
  const unfinished = new Map<string, Socket>();
  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket);
    unfinished.set(peer, socket);
    socket.once('close', () => {
      // The client may have reconnected from the same port.
      if (unfinished.get(peer) === socket) unfinished.delete(peer);
    });
    if (unfinished.size > max) unfinished.values().next().value?.destroy();
  });
  // Node emits a different socket object here; only the peer address identifies the connection.
  server.on('secureConnection', (socket: Socket) => unfinished.delete(peerOf(socket)));
  return {
    closeAll() {
      for (const socket of unfinished.values()) socket.destroy();
    },
  };
}

/** Tracks the connections of a server. Must be called before the server listens. */
export function trackConnections(
  server: Server,
  { tls, maxHandshakes }: { tls: boolean; maxHandshakes: number },
): OpenConnections {
  const open = new Map<Duplex, Connection>();
  const handshakes = tls ? trackHandshakes(server, maxHandshakes) : undefined;
  server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => {
    open.set(socket, { socket, last: undefined, unfinished: [] });
    socket.once('close', () => open.delete(socket));
  });

  return {
    has: (socket) => open.has(socket),
    begin(socket, response) {
      const connection = open.get(socket);
      if (connection === undefined) return true;
      const { unfinished } = connection;
      while (unfinished[0]?.writableFinished === true) unfinished.shift();
      connection.last = response;
      return unfinished.push(response) <= MAX_UNFINISHED;
    },
    lastResponse: (socket) => open.get(socket)?.last,
    pending: (socket) => open.get(socket)?.unfinished.filter(({ writableEnded }) => !writableEnded) ?? [],
    announceClose() {
      for (const { last } of open.values())
        if (last?.headersSent === false) last.setHeader('Connection', 'close');
    },
    closeWhenWritten() {
      handshakes?.closeAll();
      for (const { socket, last } of open.values()) {
        if (last === undefined || last.writableFinished) socket.destroySoon();
        else last.once('finish', () => socket.destroySoon());
      }
    },
  };
}
