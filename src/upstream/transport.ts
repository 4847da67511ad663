import { isIP } from 'node:net';
import { buildConnector, type Dispatcher, Pool } from 'undici';
import type { Clock } from '../lib/clock.ts';
import { decodeBody } from './decode-body.ts';
import { failed, failureOf } from './failure.ts';
import type { Exchange, UpstreamAnswer, WireRequest } from './message.ts';

export interface TransportOptions {
  /** `https://host[:port]`; `http://` for a loopback host only. */
  readonly origin: string;
  /** The largest body taken, encoded and decoded. */
  readonly maxBodyBytes: number;
  readonly maxConnections: number;
}

/** Connections to the one origin that is configured. */
export interface Transport {
  readonly exchange: Exchange;
  close(): Promise<void>;
}

const MAX_HEADER_BYTES = 32 * 1_024;

/** Whether a URL's host is this machine by name or number. */
export function isLoopbackHost(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '');
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function checkedOrigin(text: string): string {
  const url = new URL(text);
  const plain = url.protocol === 'http:' && isLoopbackHost(url.hostname);
  if (url.protocol !== 'https:' && !plain)
    throw new Error(`upstream.origin ${url.origin}: write an https origin; plain http is for loopback only.`);
  return url.origin;
}

function joinHeaders(headers: Dispatcher.ResponseData['headers']): Record<string, string | undefined> {
  const joined: Record<string, string | undefined> = Object.create(null);
  for (const [name, value] of Object.entries(headers))
    joined[name] = Array.isArray(value) ? value.join(', ') : value;
  return joined;
}

/** Pooled HTTP/1.1 to one origin. Redirects are never followed; every exchange ends at its deadline; nothing is thrown. */
export function createTransport(options: TransportOptions, { clock }: { clock: Clock }): Transport {
  let connections = 0;
  // The deadline of each exchange is the only one: it covers connecting, headers and body together.
  const connector = buildConnector({ timeout: 0 });
  const connect: typeof connector = (target, done) =>
    connector(target, (...made) => {
      const [, socket] = made;
      // Undici's types say null, its code leaves it out.
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
  const tooLarge = () =>
    failed('UPSTREAM_TOO_LARGE', `Atlas sent a body of more than ${options.maxBodyBytes} bytes.`);

  async function readBody(response: Dispatcher.ResponseData): Promise<Buffer | undefined> {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of response.body) {
      size += chunk.length;
      // Leaving the loop destroys the body and with it the connection, so nothing of it reaches the next answer.
      if (size > options.maxBodyBytes) return undefined;
      chunks.push(chunk);
    }
    return Buffer.concat(chunks, size);
  }

  async function perform(request: WireRequest, signal: AbortSignal): Promise<UpstreamAnswer> {
    const response = await pool.request({
      method: request.method,
      path: request.target,
      headers: { 'accept-encoding': 'gzip', ...request.headers },
      body: request.body ?? null,
      signal,
    });
    const headers = joinHeaders(response.headers);
    const body = await readBody(response);
    if (body === undefined) return tooLarge();
    const decoded = await decodeBody(body, headers['content-encoding'], options.maxBodyBytes);
    return Buffer.isBuffer(decoded)
      ? { type: 'answered', status: response.statusCode, headers, body: decoded }
      : decoded;
  }

  return {
    async exchange(request) {
      const leftMs = request.deadlineAt - clock.now();
      const timeout = failed('UPSTREAM_TIMEOUT', 'Atlas did not answer in time.');
      if (leftMs <= 0) return timeout;
      const abort = new AbortController();
      const cancel = clock.after(leftMs, () => abort.abort());
      try {
        return await perform(request, abort.signal);
      } catch (error) {
        if (!abort.signal.aborted) return failureOf(error);
        return connections > 0 ? timeout : { ...timeout, unconnected: true };
      } finally {
        cancel();
      }
    },
    close: () => pool.destroy(),
  };
}
