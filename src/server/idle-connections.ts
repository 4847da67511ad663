import type { Server, Socket } from 'node:net';
import type { Clock } from '../lib/clock.ts';

const CHECK_INTERVAL_MS = 10_000;

/**
 * Closes connections without traffic for `idleMs`: keep-alive connections without requests, and clients that stopped reading or are gone.
 * Node's own idle timeout is rearmed three times per request; so a socket timeout is set only on connections without traffic since the
 * last check. Requires an HTTP server, which closes sockets that time out.
 */
export function closeIdleConnections(
  server: Server,
  { idleMs, tls }: { idleMs: number; tls: boolean },
  { clock }: { clock: Clock },
): void {
  /** Bytes transferred on each connection at the last check. */
  const moved = new Map<Socket, number>();
  server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => {
    moved.set(socket, 0);
    socket.once('close', () => moved.delete(socket));
  });

  function check(): void {
    cancel = clock.after(CHECK_INTERVAL_MS, check);
    for (const [socket, before] of moved) {
      const now = socket.bytesRead + socket.bytesWritten;
      moved.set(socket, now);
      if (now !== before) socket.setTimeout(0);
      else if (!socket.timeout) socket.setTimeout(idleMs);
    }
  }
  let cancel = clock.after(CHECK_INTERVAL_MS, check);
  server.once('close', () => cancel());
}
