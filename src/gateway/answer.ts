import { errorCodeOf, isErrorCode, renderApiError } from '../atlas/api-error.ts';
import type { Held } from '../cache/freshness.ts';
import type { How } from '../cache/list-cache.ts';
import type { Body, Coding } from '../cache/renderings.ts';
import { headerValue } from '../lib/header-value.ts';
import type { UpstreamResponse } from '../upstream/message.ts';
import { type Refusal, STATUS_OF } from './refusal.ts';

/** The head of answers, but for the id of the request. */
export interface Head {
  /** Names and values in turn, as `writeHead` takes them without building anything. */
  readonly headers: readonly string[];
  /** Whether more than one answer has it. */
  readonly kept: boolean;
  /** Whoever writes kept heads leaves here what goes over the wire. */
  written?: string;
}

/** An answer, ready to be written. A HEAD request is answered with the same head and no body. */
export interface Answer {
  readonly status: number;
  readonly head: Head;
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
  readonly age: number;
  readonly ttl: number;
  readonly found: Head;
  readonly unchanged: Head;
}

const NO_BODY = Buffer.alloc(0);
const VARY = 'Accept, Accept-Encoding, Authorization';
const NO_SNIFFING = ['X-Content-Type-Options', 'nosniff'] as const;
const ageOf = ({ loadedAt }: Held, now: number) => Math.max(0, Math.floor((now - loadedAt) / 1_000));
const ttlOf = ({ freshUntil }: Held, now: number) => Math.floor((freshUntil - now) / 1_000);

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
  const ttl = ttlOf(held, now);
  return [
    'Age',
    String(ageOf(held, now)),
    'Cache-Control',
    cacheControl(ttl),
    'Cache-Status',
    cacheStatus(how, ttl),
    'Vary',
    VARY,
  ];
}

const once = (headers: readonly string[]): Head => ({ headers, kept: false });

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

function writeHeads(
  { body, coding, mediaType, ageing, how, held, now }: PageAnswer,
  kept: boolean,
): PageHead {
  const { bytes, etag } = body;
  const common = [...cachingHeaders(how, held, now), ...flat(ageing), 'ETag', etag];
  const content = ['Content-Type', `${mediaType};charset=utf-8`, 'Content-Length', String(bytes.length)];
  if (coding !== 'identity') content.push('Content-Encoding', coding);
  return {
    age: ageOf(held, now),
    ttl: ttlOf(held, now),
    found: { headers: [...common, ...content, ...NO_SNIFFING], kept },
    unchanged: { headers: [...common, ...NO_SNIFFING], kept },
  };
}

/** The heads of a page from memory: what they say changes with the second. */
function preparedHeads(page: PageAnswer): PageHead {
  const { body, held, now } = page;
  const known = body.prepared;
  if (known?.age === ageOf(held, now) && known.ttl === ttlOf(held, now)) return known;
  const fresh = writeHeads(page, true);
  body.prepared = fresh;
  return fresh;
}

/** A page of a list: 200, or 304 where the request's `If-None-Match` names it. */
export function answerPage(page: PageAnswer): Answer {
  const plainHit = page.how.outcome === 'hit' && page.how.detail === undefined;
  const { found, unchanged } = plainHit ? preparedHeads(page) : writeHeads(page, false);
  return page.unchanged
    ? { status: 304, head: unchanged, body: NO_BODY }
    : { status: 200, head: found, body: page.body.bytes, text: page.body.text };
}

/**
 * Atlas's own 4xx, as it came: its body, its error code, its media type. What cannot stand in a header is left out of it; the body has it
 * all the same.
 */
export function answerAtlasError(response: UpstreamResponse, how: How, held: Held, now: number): Answer {
  const header = response.headers['x-error-code'];
  const errorCode = header !== undefined && isErrorCode(header) ? header : errorCodeOf(response.body);
  const deprecation = headerValue(response.headers['deprecation']);
  const sunset = headerValue(response.headers['sunset']);
  return {
    status: response.status,
    head: once([
      ...cachingHeaders(how, held, now),
      ...flat({
        'Content-Type': headerValue(response.headers['content-type']) ?? 'application/json',
        'Content-Length': String(response.body.length),
        ...(errorCode === undefined ? {} : { 'X-Error-Code': errorCode }),
        ...(deprecation === undefined ? {} : { Deprecation: deprecation }),
        ...(sunset === undefined ? {} : { Sunset: sunset }),
      }),
      ...NO_SNIFFING,
    ]),
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
    head: once([
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
      ...NO_SNIFFING,
    ]),
    body,
    errorCode: code,
  };
}
