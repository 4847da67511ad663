import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Calls `over` once: when the response is finished, when its connection is closed, or when the returned function is called. */
export type WhenOver = (request: IncomingMessage, response: ServerResponse, over: () => void) => () => void;

/**
 * A response alone cannot be relied on: one that waits behind others on a pipelined connection has no socket yet, and never emits `close`
 * when the connection is reset. So each connection keeps what is open on it, and ends that itself.
 */
export function createWhenOver(): WhenOver {
  const openOn = new WeakMap<Socket, Set<() => void>>();

  function watch(socket: Socket): Set<() => void> {
    const open = new Set<() => void>();
    openOn.set(socket, open);
    socket.once('close', () => {
      for (const end of open) end();
    });
    return open;
  }

  return ({ socket }, response, over) => {
    const open = openOn.get(socket) ?? watch(socket);
    const end = () => {
      if (open.delete(end)) over();
    };
    open.add(end);
    if (socket.destroyed) end();
    else response.once('close', end);
    return end;
  };
}
