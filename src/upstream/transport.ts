import type { IncomingHttpHeaders } from 'node:http';
import { buildConnector, type Dispatcher, Pool } from 'undici';
import type { Clock } from '../lib/clock.ts';
import { createTurns } from '../lib/event-loop.ts';
import { isLoopback } from '../lib/loopback.ts';
import { codingOf, decodeBody } from './decode-body.ts';
import { failureOf, TIMED_OUT, upstreamFailure } from './failure.ts';
import type { Exchange, UpstreamFailure, UpstreamHeaders, UpstreamResult } from './message.ts';

export interface TransportOptions {
  /** `https://host[:port]`; `http://` for a loopback host only. */
  readonly origin: string;
  /** The largest accepted body, encoded and decoded; error bodies have a lower limit. */
  readonly maxBodyBytes: number;
  readonly maxConnections: number;
}

/** Connections to the configured origin. */
export interface Transport {
  readonly exchange: Exchange;
  close(): Promise<void>;
}

const MAX_HEADER_BYTES = 32 * 1_024;
/** Error bodies of Atlas have a few hundred bytes. */
const MAX_ERROR_BODY_BYTES = 1_048_576;
/** It takes some milliseconds to parse a larger body, and several may be decoded at the same moment. */
const LARGE_BODY_BYTES = 262_144;
/** Aborts an exchange that has already been resolved. */
const ABORTED = new Error('aborted');

function checkedOrigin(text: string): string {
  const url = new URL(text);
  const plain = url.protocol === 'http:' && isLoopback(url.hostname);
  if (url.protocol !== 'https:' && !plain)
    throw new Error(
      `upstream.origin ${url.origin}: use an https origin; http is allowed for loopback hosts only.`,
    );
  return url.origin;
}

function joinHeaders(headers: IncomingHttpHeaders): Record<string, string | undefined> {
  const joined: Record<string, string | undefined> = Object.create(null);
  for (const [name, value] of Object.entries(headers))
    joined[name] = Array.isArray(value) ? value.join(', ') : value;
  return joined;
}

/** Pooled HTTP/1.1 connections to one origin. Redirects are never followed, every exchange ends by its deadline, and nothing throws. */
export function createTransport(options: TransportOptions, { clock }: { clock: Clock }): Transport {
  const takeTurn = createTurns();
  let connections = 0;
  // The deadline of the exchange is the only timeout: it covers connect, headers and body together.
  const connector = buildConnector({ timeout: 0 });
  const connect: typeof connector = (target, done) =>
    connector(target, (...made) => {
      const [, socket] = made;
      // Undici's types declare null, but its code omits the argument.
      if (socket) {
        connections++;
        socket.once('close', () => connections--);
      }
      done(...made);
    });
  const pool = new Pool(checkedOrigin(options.origin), {
    connections: options.maxConnections,
    pipelining: 1,
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect,
  });
  const bodyLimit = (status: number) =>
    status < 400 ? options.maxBodyBytes : Math.min(options.maxBodyBytes, MAX_ERROR_BODY_BYTES);
  const tooLarge = (status: number) =>
    upstreamFailure(
      'UPSTREAM_TOO_LARGE',
      `Atlas sent ${status} with a body of more than ${bodyLimit(status)} bytes.`,
    );

  async function answerOf(
    status: number,
    headers: UpstreamHeaders,
    chunks: readonly Buffer[],
  ): Promise<UpstreamResult> {
    const [only] = chunks;
    const sent = only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks);
    const coding = codingOf(headers['content-encoding']);
    const body = coding === 'identity' ? sent : await decodeBody(sent, coding, bodyLimit(status));
    if (!Buffer.isBuffer(body)) return body;
    if (body.length > LARGE_BODY_BYTES) await takeTurn();
    return { type: 'answered', status, headers, body };
  }

  return {
    exchange({ method, target: path, headers, body = null, deadlineAt }) {
      const leftMs = deadlineAt - clock.now();
      if (leftMs <= 0) return Promise.resolve(TIMED_OUT);
      return new Promise((resolve) => {
        let controller: Dispatcher.DispatchController | undefined;
        let ended = false;
        let status = 0;
        let received: UpstreamHeaders = {};
        const chunks: Buffer[] = [];
        let size = 0;
        const end = (answer: UpstreamResult | Promise<UpstreamResult>) => {
          if (ended) return;
          ended = true;
          cancel();
          resolve(answer);
        };
        /** Aborts before the response is complete. This closes the connection, so that no remaining bytes reach the next response. */
        const abort = (failure: UpstreamFailure) => {
          end(failure);
          controller?.abort(ABORTED);
        };
        const cancel = clock.after(leftMs, () =>
          abort(connections > 0 ? TIMED_OUT : { ...TIMED_OUT, unconnected: true }),
        );
        pool.dispatch(
          { method, path, headers: { 'accept-encoding': 'gzip', ...headers }, body },
          {
            onRequestStart(started) {
              controller = started;
              // The deadline passed while the request waited for a connection.
              if (ended) controller.abort(ABORTED);
            },
            // Also called for interim responses (1xx): the final response overwrites them.
            onResponseStart(_controller, statusCode, responseHeaders) {
              status = statusCode;
              received = joinHeaders(responseHeaders);
            },
            onResponseData(_controller, chunk) {
              size += chunk.length;
              chunks.push(chunk);
              if (size > bodyLimit(status)) abort(tooLarge(status));
            },
            onResponseEnd: () => end(answerOf(status, received, chunks)),
            onResponseError: (_controller, error) => end(failureOf(error)),
          },
        );
      });
    },
    close: () => pool.destroy(),
  };
}
