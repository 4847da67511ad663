import { errorCodeOf, renderApiError } from '../atlas/api-error.ts';
import type { Held } from '../cache/freshness.ts';
import type { How } from '../cache/list-cache.ts';
import type { Body, Coding } from '../cache/renderings.ts';
import type { UpstreamResponse } from '../upstream/message.ts';
import { type Refusal, STATUS_OF } from './refusal.ts';

/**
 * An answer, ready to be written. `headers` are names and values in turn, as `writeHead` takes them without building anything; the last
 * value is that of `X-Request-Id`, empty until the answer is written. A HEAD request is answered with the same headers and no body.
 */
export interface Answer {
  readonly status: number;
  readonly headers: string[];
  readonly body: Buffer;
  /** A short body once more, its bytes as characters (Latin-1). */
  readonly text?: string | undefined;
  /** The error code of an answer that is an error. */
  readonly errorCode?: string;
}

/** An answer with the id of the request it is for. */
export interface FinishedAnswer extends Answer {
  readonly requestId: string;
}

/** The heads of a page that is served from memory, prepared for the second they were last used in. */
export interface PageHead {
  age: number;
  ttl: number;
  readonly found: string[];
  readonly unchanged: string[];
}

const NO_BODY = Buffer.alloc(0);
const VARY = 'Accept, Accept-Encoding, Authorization';
/** The end of every head. */
const LAST = ['X-Content-Type-Options', 'nosniff', 'X-Request-Id', ''] as const;
const seconds = (ms: number) => Math.max(0, Math.floor(ms / 1_000));

/** `Cache-Status` (RFC 9211): how this answer came about, its time to live in seconds, negative where it is stale. */
function cacheStatus(how: How, ttl: number): string {
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

const cacheControl = (ttl: number) => `private, max-age=${Math.max(0, ttl)}`;

function cachingHeaders(how: How, held: Held, now: number): string[] {
  const ttl = Math.floor((held.freshUntil - now) / 1_000);
  return [
    'Age',
    String(seconds(now - held.loadedAt)),
    'Cache-Control',
    cacheControl(ttl),
    'Cache-Status',
    cacheStatus(how, ttl),
    'Vary',
    VARY,
  ];
}

const flat = (headers: Readonly<Record<string, string | string[]>>): string[] =>
  Object.entries(headers).flatMap(([name, values]) => [values].flat().flatMap((value) => [name, value]));

/** A page of a list, and what is asked of it. All pages with one `body` have one media type, and age in the same way. */
export interface PageAnswer {
  readonly body: Body<PageHead>;
  readonly coding: Coding;
  readonly mediaType: string;
  readonly ageing: Readonly<Record<string, string>>;
  readonly how: How;
  readonly held: Held;
  readonly now: number;
  /** The request's `If-None-Match` names it. */
  readonly unchanged: boolean;
}

function writeHeads({ body, coding, mediaType, ageing, how, held, now }: PageAnswer): PageHead {
  const { bytes, etag } = body;
  const common = [...cachingHeaders(how, held, now), ...flat(ageing), 'ETag', etag];
  const content = ['Content-Type', `${mediaType};charset=utf-8`, 'Content-Length', String(bytes.length)];
  if (coding !== 'identity') content.push('Content-Encoding', coding);
  return {
    age: seconds(now - held.loadedAt),
    ttl: Math.floor((held.freshUntil - now) / 1_000),
    found: [...common, ...content, ...LAST],
    unchanged: [...common, ...LAST],
  };
}

/** The heads of a page from memory: only what changes with the second is written again. */
function preparedHeads(page: PageAnswer): PageHead {
  const { body, how, held, now } = page;
  const age = seconds(now - held.loadedAt);
  const ttl = Math.floor((held.freshUntil - now) / 1_000);
  const known = body.prepared;
  if (known === undefined) {
    body.prepared = writeHeads(page);
    return body.prepared;
  }
  if (known.age === age && known.ttl === ttl) return known;
  known.age = age;
  known.ttl = ttl;
  for (const head of [known.found, known.unchanged])
    head.splice(
      0,
      6,
      'Age',
      String(age),
      'Cache-Control',
      cacheControl(ttl),
      'Cache-Status',
      cacheStatus(how, ttl),
    );
  return known;
}

/** A page of a list: 200, or 304 where the request's `If-None-Match` names it. */
export function answerPage(page: PageAnswer): Answer {
  const plainHit = page.how.outcome === 'hit' && page.how.detail === undefined;
  const { found, unchanged } = plainHit ? preparedHeads(page) : writeHeads(page);
  return page.unchanged
    ? { status: 304, headers: unchanged, body: NO_BODY }
    : { status: 200, headers: found, body: page.body.bytes, text: page.body.text };
}

/** Atlas's own 4xx, as it came: its body, its error code, its media type. */
export function answerAtlasError(response: UpstreamResponse, how: How, held: Held, now: number): Answer {
  const errorCode = response.headers['x-error-code'] ?? errorCodeOf(response.body);
  const { deprecation, sunset } = response.headers;
  return {
    status: response.status,
    headers: [
      ...cachingHeaders(how, held, now),
      ...flat({
        'Content-Type': response.headers['content-type'] ?? 'application/json',
        'Content-Length': String(response.body.length),
        ...(errorCode === undefined ? {} : { 'X-Error-Code': errorCode }),
        ...(deprecation === undefined ? {} : { Deprecation: deprecation }),
        ...(sunset === undefined ? {} : { Sunset: sunset }),
      }),
      ...LAST,
    ],
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
    headers: [
      ...flat({
        'Content-Type': 'application/json',
        'Content-Length': String(body.length),
        'Cache-Control': 'no-store',
        'X-Error-Code': code,
        ...(retryAfterMs === undefined
          ? {}
          : { 'Retry-After': String(Math.max(1, Math.ceil(retryAfterMs / 1_000))) }),
        ...headers,
      }),
      ...LAST,
    ],
    body,
    errorCode: code,
  };
}
