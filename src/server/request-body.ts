import type { IncomingMessage } from 'node:http';
import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import { MAX_BODY_BYTES } from './body-slots.ts';

/** What routes that take a body find in Hono's environment: the body as it was read from the socket; absent under `app.fetch`. */
export interface BodyBindings {
  readonly Bindings: Partial<HttpBindings> & { readonly body?: string | undefined };
}

/** A body that was read whole, or why it was not. `gone`: the connection was closed, so there is nobody to answer. */
export type RequestBody = { readonly text: string } | 'too-large' | 'gone';

/**
 * Reads a body before anything is built for its request: while it arrives, a connection costs no more than its bytes. One that is too
 * large is given up as soon as that is known, and nothing more of it is read: whoever answers closes the connection.
 */
export function readBody(request: IncomingMessage): Promise<RequestBody> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = Number(request.headers['content-length'] ?? '0') > MAX_BODY_BYTES ? Infinity : 0;
    const giveUp = () => {
      request.socket.pause();
      chunks.length = 0;
      resolve('too-large');
    };
    // Also where it is known to be too large: what has arrived is dropped then, instead of kept until it is read.
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_BODY_BYTES) chunks.push(chunk);
      else giveUp();
    });
    request.once('end', () => resolve({ text: Buffer.concat(chunks).toString('utf8') }));
    request.once('close', () => resolve('gone'));
    request.once('error', () => resolve('gone'));
    if (size > MAX_BODY_BYTES) giveUp();
  });
}

/** The body of a routed request as text; undefined where it is too large. */
export async function bodyOf(context: Context<BodyBindings>): Promise<string | undefined> {
  const text = context.env?.body ?? (await context.req.text());
  return Buffer.byteLength(text) > MAX_BODY_BYTES ? undefined : text;
}
