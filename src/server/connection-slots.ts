import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Calls `over` once: when the response closes, when its connection closes, or when the returned function is called. */
export type WhenOver = (request: IncomingMessage, response: ServerResponse, over: () => void) => () => void;

/**
 * The response's own `close` is not enough: a response queued behind others on a pipelined connection has no socket yet, and never emits
 * `close` when the connection is reset. So the callbacks are tracked per connection, and its `close` calls the remaining ones.
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
