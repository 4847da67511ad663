import { errorCodeOf, renderApiError } from '../atlas/api-error.ts';
import type { Held } from '../cache/freshness.ts';
import type { How } from '../cache/list-cache.ts';
import type { Coding, Rendering } from '../cache/renderings.ts';
import type { UpstreamResponse } from '../upstream/message.ts';
import { type Refusal, STATUS_OF } from './refusal.ts';

/** An answer, ready to be written. A HEAD request is answered with the same headers and no body. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: Buffer;
  /** The error code of an answer that is an error. */
  readonly errorCode?: string;
}

const NO_BODY = Buffer.alloc(0);
const VARY = 'Accept, Accept-Encoding, Authorization';
const seconds = (ms: number) => Math.max(0, Math.floor(ms / 1_000));

/** `Cache-Status` (RFC 9211): how this answer came about, its time to live in seconds, negative where it is stale. */
function cacheStatus(how: How, held: Held, now: number): string {
  const ttl = Math.floor((held.freshUntil - now) / 1_000);
  const words = ['atlas-gateway'];
  if (how.forwarded === undefined) words.push('hit', `ttl=${ttl}`);
  else {
    words.push(`fwd=${how.forwarded}`);
    if (how.stored === true) words.push('stored');
    if (how.collapsed === true) words.push('collapsed');
    if (how.outcome === 'stale') words.push(`ttl=${ttl}`);
  }
  if (how.detail !== undefined) words.push(`detail=${how.detail}`);
  return words.join('; ');
}

function cachingHeaders(how: How, held: Held, now: number): Record<string, string> {
  return {
    Age: String(seconds(now - held.loadedAt)),
    'Cache-Control': `private, max-age=${seconds(held.freshUntil - now)}`,
    'Cache-Status': cacheStatus(how, held, now),
    Vary: VARY,
  };
}

/** A page of a list: 200, or 304 where the request's `If-None-Match` names it. */
export function answerPage(page: {
  readonly rendering: Rendering;
  readonly coding: Coding;
  readonly mediaType: string;
  readonly ageing: Readonly<Record<string, string>>;
  readonly how: How;
  readonly held: Held;
  readonly now: number;
  readonly unchanged: (etag: string) => boolean;
}): Answer {
  const { bytes, etag } = page.rendering.body(page.coding);
  const headers = { ...cachingHeaders(page.how, page.held, page.now), ...page.ageing, ETag: etag };
  if (page.unchanged(etag)) return { status: 304, headers, body: NO_BODY };
  return {
    status: 200,
    headers: {
      ...headers,
      'Content-Type': `${page.mediaType};charset=utf-8`,
      'Content-Length': String(bytes.length),
      ...(page.coding === 'identity' ? {} : { 'Content-Encoding': page.coding }),
    },
    body: bytes,
  };
}

/** Atlas's own 4xx, as it came: its body, its error code, its media type. */
export function answerAtlasError(response: UpstreamResponse, how: How, held: Held, now: number): Answer {
  const errorCode = response.headers['x-error-code'] ?? errorCodeOf(response.body);
  const { deprecation, sunset } = response.headers;
  return {
    status: response.status,
    headers: {
      ...cachingHeaders(how, held, now),
      'Content-Type': response.headers['content-type'] ?? 'application/json',
      'Content-Length': String(response.body.length),
      ...(errorCode === undefined ? {} : { 'X-Error-Code': errorCode }),
      ...(deprecation === undefined ? {} : { Deprecation: deprecation }),
      ...(sunset === undefined ? {} : { Sunset: sunset }),
    },
    body: response.body,
    ...(errorCode === undefined ? {} : { errorCode }),
  };
}

/** The gateway's own errors: the one place where a code becomes HTTP. */
export function answerRefusal({ code, detail, parameters, headers, retryAfterMs }: Refusal): Answer {
  const status = STATUS_OF[code];
  const body = renderApiError({
    status,
    errorCode: code,
    detail,
    ...(parameters === undefined ? {} : { parameters }),
  });
  return {
    status,
    headers: {
      'Content-Type': 'application/json',
      'Content-Length': String(body.length),
      'Cache-Control': 'no-store',
      'X-Error-Code': code,
      ...(retryAfterMs === undefined
        ? {}
        : { 'Retry-After': String(Math.max(1, Math.ceil(retryAfterMs / 1_000))) }),
      ...headers,
    },
    body,
    errorCode: code,
  };
}
