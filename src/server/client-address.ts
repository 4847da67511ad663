import type { Context } from 'hono';
import type { ServerEnv } from './bindings.ts';

/** The peer address of the connection; undefined for requests without a socket. */
export const clientAddress = ({ env }: Context<ServerEnv>): string | undefined =>
  env?.incoming?.socket.remoteAddress;
