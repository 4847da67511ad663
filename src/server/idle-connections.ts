import type { Server, Socket } from 'node:net';
import type { Clock } from '../lib/clock.ts';

const LOOK_EVERY_MS = 10_000;

/**
 * Closes connections on which nothing moves for `idleMs`: those that have no more questions, and readers that do not read or are gone. Node's own
 * timer for it is wound up three times with each request; so a connection is given one only when nothing has moved on it since it was last
 * looked at. For HTTP servers, which close what times out.
 */
export function closeIdleConnections(
  server: Server,
  { idleMs, tls }: { idleMs: number; tls: boolean },
  { clock }: { clock: Clock },
): void {
  /** Bytes that had moved when a connection was last looked at. */
  const moved = new Map<Socket, number>();
  server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => {
    moved.set(socket, 0);
    socket.once('close', () => moved.delete(socket));
  });

  function look(): void {
    cancel = clock.after(LOOK_EVERY_MS, look);
    for (const [socket, before] of moved) {
      const now = socket.bytesRead + socket.bytesWritten;
      moved.set(socket, now);
      if (now !== before) socket.setTimeout(0);
      else if (!socket.timeout) socket.setTimeout(idleMs);
    }
  }
  let cancel = clock.after(LOOK_EVERY_MS, look);
  server.once('close', () => cancel());
}
