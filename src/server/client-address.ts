import { getConnInfo } from '@hono/node-server/conninfo';
import type { Context } from 'hono';

/** The address at the other end of the connection; undefined where the request did not come over one. */
export const clientAddress = (context: Context): string | undefined =>
  context.env?.incoming === undefined ? undefined : getConnInfo(context).remote.address;
