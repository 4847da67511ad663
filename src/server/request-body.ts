import type { IncomingMessage } from 'node:http';
import type { Context } from 'hono';
import type { ServerEnv } from './bindings.ts';
import { MAX_BODY_BYTES } from './body-slots.ts';

/** A complete body, or why there is none. `gone`: the client closed the connection. */
export type RequestBody = { readonly text: string } | 'too-large' | 'gone';

/**
 * Reads a body before anything else is allocated for its request, so that a pending body costs no more than its bytes. Reading stops as
 * soon as the body is known to be too large; the responder must then close the connection.
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
    // Attached even for a body known to be too large: buffered bytes are then discarded instead of staying in memory until read.
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

/** The body of a routed request as text; undefined if it is too large. */
export async function bodyOf(context: Context<ServerEnv>): Promise<string | undefined> {
  const text = context.env?.body ?? (await context.req.text());
  return Buffer.byteLength(text) > MAX_BODY_BYTES ? undefined : text;
}
