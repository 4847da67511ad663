import type { Catalog, Operation } from '../atlas/catalog.ts';
import { targetPath } from '../atlas/catalog.ts';
import { countItems } from '../atlas/list-parser.ts';
import { renderPage } from '../atlas/page-renderer.ts';
import {
  linkParameters,
  type PageOptions,
  type ResolvedQuery,
  resolveQuery,
  SNAPSHOT_PARAMETER,
} from '../atlas/query.ts';
import { resolveVersion } from '../atlas/version.ts';
import type { createRenderedPages } from '../cache/rendered-pages.ts';
import type { Clock } from '../lib/clock.ts';
import { chooseCoding, matchesEtag } from '../lib/content-coding.ts';
import { type UnexpectedErrorEvent, unexpectedError } from '../lib/unexpected-error.ts';
import type { AuthResult, Caller, RequestLine } from './auth/key-auth.ts';
import { authorize } from './auth/policy.ts';
import { parseCacheDirectives } from './cache-directives.ts';
import type { CacheOutcome, DeprecatedEvent, RequestCompletedEvent } from './events.ts';
import { type GatewayError, gatewayError } from './gateway-error.ts';
import { loggedPath } from './logged-path.ts';
import {
  type createReadService,
  type Listing,
  partitionOf,
  type Reader,
  type ReadQuery,
  type ReadResult,
} from './reads/read-service.ts';
import type { RequestMemo } from './request-memo.ts';
import {
  type CachedHeads,
  type CompletedResponse,
  errorResponse,
  type GatewayResponse,
  pageResponse,
  upstreamErrorResponse,
} from './response.ts';

/** The request headers that the response depends on. */
export interface RequestHeaders {
  readonly authorization: string | undefined;
  readonly accept: string | undefined;
  readonly acceptEncoding: string | undefined;
  readonly ifNoneMatch: string | undefined;
  readonly cacheControl: string | undefined;
  readonly pragma: string | undefined;
}

/** A request that passed the edge checks; its target is in origin form, without dot segments. */
export interface GatewayRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: RequestHeaders;
}

export interface RequestHandlerOptions {
  /** Scheme and host for links; never taken from a request. */
  readonly publicUrl: () => string;
}

export interface RequestHandlerDependencies {
  readonly catalog: Catalog;
  readonly authenticate: (
    authorization: string | undefined,
    requestLine: RequestLine,
  ) => AuthResult | Promise<AuthResult>;
  /** `WWW-Authenticate` values that name the accepted schemes. */
  readonly challenges: (stale: boolean) => readonly string[];
  /** Charges one request to the caller's rate limit and returns 0, or returns the milliseconds until one is available. */
  readonly acquireRequest: (caller: Caller) => number;
  readonly lists: ReturnType<typeof createReadService>;
  readonly renderedPages: ReturnType<typeof createRenderedPages<CachedHeads>>;
  readonly requestMemo: RequestMemo<ResolvedRequest>;
  readonly clock: Clock;
  readonly nextRequestId: () => string;
  readonly observe: (event: RequestCompletedEvent | DeprecatedEvent | UnexpectedErrorEvent) => void;
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

/** The state of a request, filled in while it is handled and reported when it completes. */
interface RequestContext {
  readonly requestId: string;
  readonly startedAt: number;
  caller: Caller | undefined;
  operation: Operation | undefined;
  project: string | undefined;
  cache: CacheOutcome;
  upstreamCalls: number;
  reason: string | undefined;
}

const AUTHENTICATION_HINT =
  'Authenticate with a caller key of this gateway: send Authorization: Bearer <id>_<secret>, use HTTP Digest with id and secret, or send a bearer token from POST /api/oauth/token.';
const NO_CREDENTIAL =
  'No Atlas credential of this gateway covers this project. Add the project to credentials[].projects in the configuration.';
const BASIC_HINT =
  'Basic authentication is not accepted here: exchange id and secret for a token at POST /api/oauth/token, or use HTTP Digest.';
const UNAVAILABLE = gatewayError(
  'AUTH_UNAVAILABLE',
  'The token cannot be verified at the moment: the keys of its issuer are unavailable.',
  { retryAfterMs: 5_000 },
);

const UNKNOWN_OPERATION = gatewayError(
  'UNKNOWN_OPERATION',
  'This gateway does not serve this path. It serves the lists of the Atlas Administration API v2, such as /api/atlas/v2/groups/{groupId}/streams/privateLinkConnections; /openapi.json describes all of them.',
);
const NOT_FOUND = gatewayError('NOT_FOUND', 'Not found: the API is under /api/atlas/v2/.');
const UNEXPECTED_ERROR = gatewayError(
  'UNEXPECTED_ERROR',
  'The gateway failed to answer this request. Its log has an entry with this X-Request-Id.',
);

/** Filters that were sent without a value, as `resolveQuery` returns them. */
type ResolvedBlank = Extract<ResolvedQuery, { type: 'resolved' }>['blank'];

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

/** Handles a request from the edge to the response. Each step has a file of its own; this file defines their order. */
export function createRequestHandler(
  { publicUrl }: RequestHandlerOptions,
  dependencies: RequestHandlerDependencies,
) {
  const { catalog, authenticate, challenges, acquireRequest, lists, renderedPages, requestMemo } =
    dependencies;
  const { clock, nextRequestId, observe } = dependencies;

  /** Step 2: rejects unauthenticated requests. */
  function requireCaller(authResult: AuthResult, context: RequestContext): Caller | GatewayError {
    switch (authResult.type) {
      case 'unavailable':
        return UNAVAILABLE;
      case 'unauthenticated':
        context.reason = authResult.reason;
        return gatewayError(
          'UNAUTHENTICATED',
          authResult.reason === 'basic' ? BASIC_HINT : AUTHENTICATION_HINT,
          {
            headers: { 'WWW-Authenticate': [...challenges(authResult.stale === true)] },
          },
        );
      case 'caller':
        context.caller = authResult.caller;
        return authResult.caller;
    }
  }

  /** Steps 3 and 4, memoized for repeated identical requests of the same caller. */
  function resolveRequest(
    request: GatewayRequest,
    caller: Caller,
    context: RequestContext,
  ): ResolvedRequest | GatewayError {
    const waitMs = acquireRequest(caller);
    if (waitMs > 0)
      return gatewayError(
        'CALLER_RATE_LIMITED',
        'You exceeded the request rate that the policy of this gateway allows.',
        {
          retryAfterMs: waitMs,
        },
      );
    const { method, target, headers } = request;
    const reads = method === 'GET' || method === 'HEAD';
    const known = reads ? requestMemo.get(caller, target, headers.accept, context.startedAt) : undefined;
    if (known !== undefined) {
      context.operation = known.query.operation;
      context.project = projectOf(known.query.pathParameters);
      return known;
    }
    const parsed = parseAndAuthorize(request, caller, context);
    if ('type' in parsed) return parsed;
    const { query, blank } = parsed;
    const { operation, shape, filters, pathParameters } = query;
    const resolved: ResolvedRequest = {
      query,
      reader: lists.createReader(query),
      partition: partitionOf(pathParameters),
      parameters: linkParameters(operation, shape, filters, blank),
      page: undefined,
    };
    requestMemo.set(caller, target, headers.accept, resolved, context.startedAt);
    return resolved;
  }

  /** Steps 3 and 4: parses the request and authorizes the caller. */
  function parseAndAuthorize(
    request: GatewayRequest,
    caller: Caller,
    context: RequestContext,
  ): { query: ReadQuery; blank: ResolvedBlank } | GatewayError {
    const mark = request.target.indexOf('?');
    const path = mark < 0 ? request.target : request.target.slice(0, mark);
    const match = catalog.match(path);
    if (match.type === 'unknown') return isApiPath(path) ? UNKNOWN_OPERATION : NOT_FOUND;
    if (match.type === 'bad-parameter')
      return gatewayError('INVALID_PATH_PARAMETER', match.detail, { parameters: [match.name] });
    const { operation, pathParameters } = match;
    context.operation = operation;
    context.project = projectOf(pathParameters);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return gatewayError('METHOD_NOT_ALLOWED', 'This gateway is read-only: use GET or HEAD.', {
        headers: { Allow: 'GET, HEAD' },
      });
    }
    const parameters = resolveQuery(operation, mark < 0 ? '' : request.target.slice(mark + 1));
    switch (
      authorize(caller, operation, pathParameters, parameters.type === 'resolved' ? parameters.filters : [])
    ) {
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
        break;
    }
    if (parameters.type === 'invalid')
      return gatewayError(
        'INVALID_QUERY_PARAMETER',
        `Invalid query parameter ${parameters.parameter} specified. ${parameters.detail}`,
        { parameters: [parameters.parameter] },
      );
    const version = resolveVersion(
      operation,
      request.headers.accept,
      new Date(clock.wall()).toISOString().slice(0, 10),
    );
    if (version.type === 'not-acceptable')
      return gatewayError(
        'INVALID_VERSION_DATE',
        `Invalid accept header or version date. Send Accept: application/vnd.atlas.${operation.versions.at(-1)?.name}+json.`,
      );
    if (version.type === 'gone')
      return gatewayError(
        'VERSION_GONE',
        `Version ${version.version.name} of ${operation.id} was sunset on ${version.version.sunset}.`,
      );
    const query = {
      operation,
      pathParameters,
      mediaType: version.mediaType,
      version: version.version.name,
      filters: parameters.filters,
      shape: parameters.shape,
      caller,
    };
    return { query, blank: parameters.blank };
  }

  /** Step 7: renders the requested page of the list. */
  function toResponse(
    request: GatewayRequest,
    resolved: ResolvedRequest,
    read: ReadResult,
    context: RequestContext,
  ): GatewayResponse {
    context.upstreamCalls = read.upstreamCalls;
    if (read.type === 'not-cached')
      return errorResponse(
        gatewayError(
          'NOT_CACHED',
          'The list is not cached, and the only-if-cached directive of the request forbids loading it.',
        ),
      );
    if (read.type === 'overloaded')
      return errorResponse(
        gatewayError('OVERLOADED', 'Too many requests are already waiting for Atlas.', {
          retryAfterMs: 1_000,
        }),
      );
    context.cache = read.cacheStatus.outcome;
    const now = clock.now();
    switch (read.type) {
      case 'failed': {
        const { code, detail, retryAfterMs } = read.failure;
        return errorResponse(gatewayError(code, detail, retryAfterMs === undefined ? {} : { retryAfterMs }));
      }
      case 'refused':
        return upstreamErrorResponse(read.response, read.cacheStatus, read.window, now);
      case 'value': {
        const { query, reader } = resolved;
        const { operation, shape, caller } = query;
        const list = read.value;
        if (list.whole && hasOtherPages(list, shape)) reader.pin(list, read.window);
        if ('Sunset' in list.deprecationHeaders)
          observe({
            type: 'deprecated',
            operation: operation.id,
            caller: caller.name,
            version: query.version,
          });
        const renderedPage = renderedPages.get(resolved.partition, pageKey(resolved, list), () =>
          render(resolved, list),
        );
        const coding = renderedPage.compressible ? chooseCoding(request.headers.acceptEncoding) : 'identity';
        const body = renderedPage.body(coding);
        return pageResponse({
          body,
          coding,
          mediaType: query.mediaType,
          deprecationHeaders: list.deprecationHeaders,
          cacheStatus: read.cacheStatus,
          window: read.window,
          now,
          unchanged: matchesEtag(request.headers.ifNoneMatch, body.etag),
        });
      }
    }
  }

  function render({ query, parameters }: ResolvedRequest, list: Listing): Buffer {
    const { operation, pathParameters, shape } = query;
    const { items, offset, hasMore, totalCount } = list;
    const count = shape.includeCount || !list.whole ? totalCount : undefined;
    return renderPage(
      {
        items,
        offset,
        hasMore,
        address: `${publicUrl()}${targetPath(operation, pathParameters)}`,
        parameters,
        // A list that is cached page by page has no pinned listing for links to lead back to.
        suffix: list.whole ? `&${SNAPSHOT_PARAMETER.name}=${list.snapshot}` : '',
        ...(count === undefined ? {} : { totalCount: count }),
      },
      shape,
    );
  }

  function complete(
    request: GatewayRequest,
    response: GatewayResponse,
    context: RequestContext,
  ): CompletedResponse {
    const { requestId, startedAt, caller, operation, project, cache, upstreamCalls, reason } = context;
    const { status, head, body, text, errorCode } = response;
    const endedAt = clock.now();
    observe({
      type: 'answered',
      requestId,
      method: request.method,
      caller: caller?.name,
      operation: operation?.id,
      path: operation === undefined ? loggedPath(request.target) : undefined,
      project,
      status,
      cache,
      endedAt,
      durationMs: endedAt - startedAt,
      bytes: request.method === 'HEAD' ? 0 : body.length,
      upstreamCalls,
      errorCode,
      reason,
    });
    return { status, head, body, text, requestId };
  }

  const createContext = (): RequestContext => ({
    requestId: nextRequestId(),
    startedAt: clock.now(),
    caller: undefined,
    operation: undefined,
    project: undefined,
    cache: 'none',
    upstreamCalls: 0,
    reason: undefined,
  });

  function handle(
    request: GatewayRequest,
    caller: Caller | GatewayError,
    context: RequestContext,
  ): CompletedResponse | Promise<CompletedResponse> {
    if ('type' in caller) return complete(request, errorResponse(caller), context);
    const resolved = resolveRequest(request, caller, context);
    if ('type' in resolved) return complete(request, errorResponse(resolved), context);
    const { cacheControl, pragma } = request.headers;
    const read = resolved.reader.read(parseCacheDirectives(cacheControl, pragma));
    return read instanceof Promise
      ? read.then((late) => respond(request, resolved, late, context))
      : respond(request, resolved, read, context);
  }

  function respond(
    request: GatewayRequest,
    resolved: ResolvedRequest,
    read: ReadResult | undefined,
    context: RequestContext,
  ): CompletedResponse {
    const response =
      read === undefined
        ? errorResponse(gatewayError('NO_CREDENTIAL_FOR_PROJECT', NO_CREDENTIAL))
        : toResponse(request, resolved, read, context);
    return complete(request, response, context);
  }

  function start(
    request: GatewayRequest,
    context: RequestContext,
  ): CompletedResponse | Promise<CompletedResponse> {
    const authResult = authenticate(request.headers.authorization, request);
    return authResult instanceof Promise
      ? authResult.then((late) => handle(request, requireCaller(late, context), context))
      : handle(request, requireCaller(authResult, context), context);
  }

  /** An unexpected exception is a bug and fails this request only. */
  function fail(request: GatewayRequest, context: RequestContext, error: unknown): CompletedResponse {
    observe(unexpectedError('request', error, context.requestId));
    return complete(request, errorResponse(UNEXPECTED_ERROR), context);
  }

  return {
    /** Responds synchronously if memory suffices; never throws and never rejects. */
    answer(request: GatewayRequest): CompletedResponse | Promise<CompletedResponse> {
      const context = createContext();
      try {
        const response = start(request, context);
        return response instanceof Promise
          ? response.catch((error: unknown) => fail(request, context, error))
          : response;
      } catch (error) {
        return fail(request, context, error);
      }
    },
    /** Responds to a request that the edge rejected, so that it is counted and logged like any other. */
    reject(request: GatewayRequest, error: GatewayError): CompletedResponse {
      return complete(request, errorResponse(error), createContext());
    },
  };
}

const projectOf = ({ groupId, orgId }: Readonly<Record<string, string>>) => groupId ?? orgId;

/** Key of the rendered page: the revision identifies the listing and thus version and filters, the rest the page options. */
function pageKey(resolved: ResolvedRequest, { revision }: Listing): string {
  if (resolved.page?.revision !== revision) {
    const { itemsPerPage, pageNum } = resolved.query.shape;
    resolved.page = { revision, key: `${revision} ${resolved.parameters}${itemsPerPage}/${pageNum}` };
  }
  return resolved.page.key;
}

/** Whether this page contains links to other pages. */
const hasOtherPages = ({ items }: Listing, { pageNum, itemsPerPage }: PageOptions) =>
  pageNum > 1 || countItems(items) > itemsPerPage;
