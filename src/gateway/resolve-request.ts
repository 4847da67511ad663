import type { Catalog, Operation } from '../atlas/catalog.ts';
import { linkParameters, type ResolvedQuery, resolveQuery } from '../atlas/query.ts';
import { resolveVersion } from '../atlas/version.ts';
import type { Clock } from '../lib/clock.ts';
import type { Caller } from './auth/key-auth.ts';
import { authorize } from './auth/policy.ts';
import { type GatewayError, gatewayError } from './gateway-error.ts';
import { partitionOf } from './reads/cache-key.ts';
import type { ReadQuery } from './reads/listing.ts';
import type { ReadService } from './reads/read-service.ts';
import type { Reader } from './reads/reader.ts';
import type { RequestContext } from './request-context.ts';
import type { RequestMemo } from './request-memo.ts';

/** The request headers that the gateway reads. */
export interface RequestHeaders {
  readonly authorization: string | undefined;
  readonly accept: string | undefined;
  readonly acceptEncoding: string | undefined;
  readonly ifNoneMatch: string | undefined;
  readonly cacheControl: string | undefined;
  readonly pragma: string | undefined;
  /** The others identify the request in logs and traces; the response does not depend on them. */
  readonly requestId: string | undefined;
  readonly traceparent: string | undefined;
  readonly userAgent: string | undefined;
  readonly forwardedFor: string | undefined;
}

/** A request that passed the edge checks; its target is in origin form, without dot segments. */
export interface GatewayRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: RequestHeaders;
  /** The peer address of the connection; undefined for requests without a socket. */
  readonly peer?: string | undefined;
}

/** A parsed and authorized request: its query, its reader, and values derived from it once. */
export interface ResolvedRequest {
  readonly query: ReadQuery;
  readonly reader: Reader;
  /** The cache partition of its project. */
  readonly partition: string;
  /** Its parameters as they appear in links. */
  readonly parameters: string;
  /** Key of its rendered page, for the listing revision it was last rendered from. */
  page: { readonly revision: number; readonly key: string } | undefined;
}

/** Bytes of the strings stored with a resolved request, estimated from the length of its encoded parameters. */
export const textBytesOf = ({ parameters }: ResolvedRequest): number => 2 * parameters.length;

export interface ResolveDependencies {
  readonly catalog: Catalog;
  /** Charges one request to the caller's rate limit and returns 0, or returns the milliseconds until one is available. */
  readonly acquireRequest: (caller: Caller) => number;
  readonly lists: ReadService;
  readonly requestMemo: RequestMemo<ResolvedRequest>;
  readonly clock: Clock;
}

const UNKNOWN_OPERATION = gatewayError(
  'UNKNOWN_OPERATION',
  'This gateway does not serve this path. It serves the lists of the Atlas Administration API v2, such as /api/atlas/v2/groups/{groupId}/streams/privateLinkConnections; /openapi.json describes all of them.',
);
const NOT_FOUND = gatewayError('NOT_FOUND', 'Not found: the API is under /api/atlas/v2/.');
/** Filters that were sent without a value, as `resolveQuery` returns them. */
type ResolvedBlank = Extract<ResolvedQuery, { type: 'resolved' }>['blank'];

/** What a request asks for: its query, and the filters that it sent without a value. */
interface ParsedRequest {
  readonly query: ReadQuery;
  readonly blank: ResolvedBlank;
}

/**
 * Whether a client may interpret a path, percent-encoded or not, as a path of the Atlas API. Such a path never gets a 404, which clients
 * interpret as "deleted".
 */
function isApiPath(path: string): boolean {
  try {
    return decodeURIComponent(path).startsWith('/api/');
  } catch {
    return path.startsWith('/api/');
  }
}

const projectOf = ({ groupId, orgId }: Readonly<Record<string, string>>) => groupId ?? orgId;

/** The path and the query of a target in origin form. */
function splitTarget(target: string): { path: string; rawQuery: string } {
  const mark = target.indexOf('?');
  return mark < 0
    ? { path: target, rawQuery: '' }
    : { path: target.slice(0, mark), rawQuery: target.slice(mark + 1) };
}

const isRead = (method: string) => method === 'GET' || method === 'HEAD';

/** Whether the policy of the gateway allows this caller this read; undefined if it does. */
function denialOf(
  caller: Caller,
  operation: Operation,
  pathParameters: Readonly<Record<string, string>>,
  parameters: ResolvedQuery,
): GatewayError | undefined {
  const filters = parameters.type === 'resolved' ? parameters.filters : [];
  switch (authorize(caller, operation, pathParameters, filters)) {
    case 'operation-forbidden':
      return gatewayError(
        'OPERATION_FORBIDDEN',
        `The policy of this gateway does not allow you to read ${operation.id}.`,
      );
    case 'project-forbidden':
      return gatewayError(
        'PROJECT_FORBIDDEN',
        'The policy of this gateway does not allow you to read this project or organization.',
      );
    case 'allowed':
      return undefined;
  }
}

/** The version that the request accepts. */
function acceptedVersion(
  operation: Operation,
  accept: string | undefined,
  wallMs: number,
): { mediaType: string; version: string } | GatewayError {
  const resolved = resolveVersion(operation, accept, new Date(wallMs).toISOString().slice(0, 10));
  switch (resolved.type) {
    case 'not-acceptable':
      return gatewayError(
        'INVALID_VERSION_DATE',
        `Invalid accept header or version date. Send Accept: application/vnd.atlas.${operation.versions.at(-1)?.name}+json.`,
      );
    case 'gone':
      return gatewayError(
        'VERSION_GONE',
        `Version ${resolved.version.name} of ${operation.id} was sunset on ${resolved.version.sunset}.`,
      );
    case 'resolved':
      return { mediaType: resolved.mediaType, version: resolved.version.name };
  }
}

/** Steps 3 and 4: parses a request and authorizes its caller; memoized for repeated identical requests of the same caller. */
export function createResolveRequest({
  catalog,
  acquireRequest,
  lists,
  requestMemo,
  clock,
}: ResolveDependencies) {
  /** Notes in the context what is known of the request, also if it is rejected. */
  function parseAndAuthorize(
    { method, target, headers }: GatewayRequest,
    caller: Caller,
    context: RequestContext,
  ): ParsedRequest | GatewayError {
    const { path, rawQuery } = splitTarget(target);
    const match = catalog.match(path);
    if (match.type === 'unknown') return isApiPath(path) ? UNKNOWN_OPERATION : NOT_FOUND;
    if (match.type === 'bad-parameter')
      return gatewayError('INVALID_PATH_PARAMETER', match.detail, { parameters: [match.name] });
    const { operation, pathParameters } = match;
    context.operation = operation;
    context.project = projectOf(pathParameters);
    if (!isRead(method))
      return gatewayError('METHOD_NOT_ALLOWED', 'This gateway is read-only: use GET or HEAD.', {
        headers: { Allow: 'GET, HEAD' },
      });
    const parameters = resolveQuery(operation, rawQuery);
    const denial = denialOf(caller, operation, pathParameters, parameters);
    if (denial !== undefined) return denial;
    if (parameters.type === 'invalid')
      return gatewayError(
        'INVALID_QUERY_PARAMETER',
        `Invalid query parameter ${parameters.parameter} specified. ${parameters.detail}`,
        { parameters: [parameters.parameter] },
      );
    const accepted = acceptedVersion(operation, headers.accept, clock.wall());
    if ('type' in accepted) return accepted;
    const { filters, shape, blank } = parameters;
    return { query: { operation, pathParameters, ...accepted, filters, shape, caller }, blank };
  }

  return (
    request: GatewayRequest,
    caller: Caller,
    context: RequestContext,
  ): ResolvedRequest | GatewayError => {
    const waitMs = acquireRequest(caller);
    if (waitMs > 0)
      return gatewayError(
        'CALLER_RATE_LIMITED',
        'You exceeded the request rate that the policy of this gateway allows.',
        { retryAfterMs: waitMs },
      );
    const { method, target, headers } = request;
    const known = isRead(method)
      ? requestMemo.get(caller, target, headers.accept, context.startedAt)
      : undefined;
    if (known !== undefined) {
      context.operation = known.query.operation;
      context.project = projectOf(known.query.pathParameters);
      return known;
    }
    const parsed = parseAndAuthorize(request, caller, context);
    if ('type' in parsed) return parsed;
    const { query, blank } = parsed;
    const resolved: ResolvedRequest = {
      query,
      reader: lists.createReader(query),
      partition: partitionOf(query.pathParameters),
      parameters: linkParameters(query.operation, query.shape, query.filters, blank),
      page: undefined,
    };
    requestMemo.set(caller, target, headers.accept, resolved, context.startedAt);
    return resolved;
  };
}
