import { getConnInfo } from '@hono/node-server/conninfo';
import type { Context } from 'hono';

/** The peer address of the connection; undefined for requests without a socket. */
export const clientAddress = (context: Context): string | undefined =>
  context.env?.incoming === undefined ? undefined : getConnInfo(context).remote.address;
