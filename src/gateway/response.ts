import { errorCodeOf, isErrorCode, renderApiError } from '../atlas/api-error.ts';
import type { Operation } from '../atlas/catalog.ts';
import type { FreshnessWindow } from '../cache/freshness.ts';
import type { ContentCoding, Representation } from '../cache/rendered-pages.ts';
import type { CacheStatus, RefusedResponse } from '../cache/results.ts';
import { headerValue } from '../lib/header-value.ts';
import { type GatewayError, STATUS_BY_CODE } from './gateway-error.ts';

/** The head of a response, without the request id. */
export interface ResponseHead {
  /** Alternating names and values, the form that `writeHead` accepts without conversion. */
  readonly headers: readonly string[];
  /** The writer's copy, whose last value is the id of the request that it was written for last. */
  written?: string[];
}

/** A response, ready to be written. A HEAD request gets the same head without a body. */
export interface GatewayResponse {
  readonly status: number;
  readonly head: ResponseHead;
  readonly body: Buffer;
  /** A short body also as a string, its bytes as Latin-1 characters. */
  readonly text?: string | undefined;
  /** The error code, if the response is an error. */
  readonly errorCode?: string;
}

/** A response with the id of its request. */
export interface CompletedResponse extends GatewayResponse {
  readonly requestId: string;
}

/** The heads of a page that is served from memory, valid for the `Age` and the remaining lifetime they were built with. */
export interface CachedHeads {
  readonly age: number;
  readonly ttl: number;
  readonly found: ResponseHead;
  readonly unchanged: ResponseHead;
}

const NO_BODY = Buffer.alloc(0);
const VARY = ['Accept', 'Accept-Encoding', 'Authorization'] as const;
const NO_SNIFFING = ['X-Content-Type-Options', 'nosniff'] as const;
const ageOf = ({ loadedAt }: FreshnessWindow, now: number) =>
  Math.max(0, Math.floor((now - loadedAt) / 1_000));
/**
 * The whole freshness lifetime in seconds: a downstream cache subtracts `Age` from it (RFC 9111 section 4.2). Clock readings have fractions,
 * whose sum may lack a trillionth of a second.
 */
const lifetimeOf = ({ loadedAt, freshUntil }: FreshnessWindow) =>
  Math.max(0, Math.floor(Math.round(freshUntil - loadedAt) / 1_000));
const ttlOf = ({ freshUntil }: FreshnessWindow, now: number) => Math.floor((freshUntil - now) / 1_000);

/**
 * `Cache-Status` (RFC 9211): how the response was obtained; `ttl` in seconds, negative if it is stale. `fwd` only if a request was sent to
 * Atlas.
 */
function renderCacheStatus(status: CacheStatus, ttl: number): string {
  const words = ['atlas-gateway'];
  if (status.forwarded === undefined) words.push('hit', `ttl=${ttl}`);
  else {
    words.push(`fwd=${status.forwarded}`);
    if (status.stored === true) words.push('stored');
    if (status.collapsed === true) words.push('collapsed');
    if (status.outcome === 'stale') words.push(`ttl=${ttl}`);
  }
  if (status.detail !== undefined) words.push(`detail=${status.detail}`);
  return words.join('; ');
}

/** How a response was obtained, and for which requests it is valid. */
export interface CachingFacts {
  readonly cacheStatus: CacheStatus;
  readonly window: FreshnessWindow;
  readonly now: number;
  /** The operation's header parameters, which select the representation, too. */
  readonly headerParameters: Operation['headerParameters'];
}

function cachingHeaders(
  { cacheStatus, window, now, headerParameters }: CachingFacts,
  directives?: 'no-store',
): string[] {
  const ttl = ttlOf(window, now);
  return [
    'Age',
    String(ageOf(window, now)),
    'Cache-Control',
    directives ?? `private, max-age=${lifetimeOf(window)}`,
    'Cache-Status',
    renderCacheStatus(cacheStatus, ttl),
    'Vary',
    [...VARY, ...headerParameters.map(({ name }) => name)].join(', '),
  ];
}

const flat = (headers: Readonly<Record<string, string | string[]>>): string[] =>
  Object.entries(headers).flatMap(([name, values]) => [values].flat().flatMap((value) => [name, value]));

/** A page of a list and how to deliver it. All pages with the same `body` share media type and freshness window. */
export interface PageResponse extends CachingFacts {
  readonly body: Representation<CachedHeads>;
  readonly coding: ContentCoding;
  /** The requested media type, for a response whose own does not name a version. */
  readonly mediaType: string;
  readonly versionHeaders: Readonly<Record<string, string>>;
  /** Whether the request's `If-None-Match` matches it. */
  readonly unchanged: boolean;
}

function writeHeads(page: PageResponse): CachedHeads {
  const { body, coding, mediaType, versionHeaders, window, now } = page;
  const { bytes, etag } = body;
  const { 'Content-Type': contentType = `${mediaType};charset=utf-8`, ...deprecation } = versionHeaders;
  const common = [...cachingHeaders(page), ...flat(deprecation), 'ETag', etag];
  const content = ['Content-Type', contentType, 'Content-Length', String(bytes.length)];
  if (coding !== 'identity') content.push('Content-Encoding', coding);
  return {
    age: ageOf(window, now),
    ttl: ttlOf(window, now),
    found: { headers: [...common, ...content, ...NO_SNIFFING] },
    unchanged: { headers: [...common, ...NO_SNIFFING] },
  };
}

/** The heads of a page from memory, rebuilt when `Age` or the remaining lifetime changes. */
function cachedHeadsOf(page: PageResponse): CachedHeads {
  const { body, window, now } = page;
  const known = body.cachedHead;
  if (known?.age === ageOf(window, now) && known.ttl === ttlOf(window, now)) return known;
  const fresh = writeHeads(page);
  body.cachedHead = fresh;
  return fresh;
}

/** A hit whose `Cache-Status` is the same for every request of its page: an element of a list has pages of its own. */
const isPlainHit = ({ outcome, detail }: CacheStatus) =>
  outcome === 'hit' && (detail === undefined || detail === 'list');

/** A page of a list: 200, or 304 if the request's `If-None-Match` matches it. */
export function pageResponse(page: PageResponse): GatewayResponse {
  const plainHit = isPlainHit(page.cacheStatus);
  const { found, unchanged } = plainHit ? cachedHeadsOf(page) : writeHeads(page);
  return page.unchanged
    ? { status: 304, head: unchanged, body: NO_BODY }
    : { status: 200, head: found, body: page.body.bytes, text: page.body.text };
}

/**
 * Forwards a 4xx of Atlas with its body, error code and media type. Values that are not valid in a header are omitted there; the body still
 * contains them.
 */
export function upstreamErrorResponse(response: RefusedResponse, facts: CachingFacts): GatewayResponse {
  const header = response.headers['x-error-code'];
  const errorCode = header !== undefined && isErrorCode(header) ? header : errorCodeOf(response.body);
  const deprecation = headerValue(response.headers['deprecation']);
  const sunset = headerValue(response.headers['sunset']);
  return {
    status: response.status,
    head: {
      headers: [
        ...cachingHeaders(facts, 'no-store'),
        ...flat({
          'Content-Type': headerValue(response.headers['content-type']) ?? 'application/json',
          'Content-Length': String(response.body.length),
          ...(errorCode === undefined ? {} : { 'X-Error-Code': errorCode }),
          ...(deprecation === undefined ? {} : { Deprecation: deprecation }),
          ...(sunset === undefined ? {} : { Sunset: sunset }),
        }),
        ...NO_SNIFFING,
      ],
    },
    body: response.body,
    ...(errorCode === undefined ? {} : { errorCode }),
  };
}

/** Responds with an error of the gateway itself: the only place that translates codes to HTTP. */
export function errorResponse({
  code,
  detail,
  parameters,
  headers,
  retryAfterMs,
}: GatewayError): GatewayResponse {
  const status = STATUS_BY_CODE[code];
  const body = renderApiError({
    status,
    errorCode: code,
    detail,
    ...(parameters === undefined ? {} : { parameters }),
  });
  return {
    status,
    head: {
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
        ...NO_SNIFFING,
      ],
    },
    body,
    errorCode: code,
  };
}
