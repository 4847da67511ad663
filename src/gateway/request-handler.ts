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
import type { ContentCoding, createRenderedPages } from '../cache/rendered-pages.ts';
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

/** The headers of a request that its answer depends on. */
export interface RequestHeaders {
  readonly authorization: string | undefined;
  readonly accept: string | undefined;
  readonly acceptEncoding: string | undefined;
  readonly ifNoneMatch: string | undefined;
  readonly cacheControl: string | undefined;
  readonly pragma: string | undefined;
}

/** A request that the edge let in: its target is in origin form, without dot segments. */
export interface GatewayRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: RequestHeaders;
}

export interface RequestHandlerOptions {
  /** Scheme and host that links lead to; never taken from a request. */
  readonly publicUrl: () => string;
}

export interface RequestHandlerDependencies {
  readonly catalog: Catalog;
  readonly authenticate: (
    authorization: string | undefined,
    presented: RequestLine,
  ) => AuthResult | Promise<AuthResult>;
  /** `WWW-Authenticate` values that name what is accepted. */
  readonly challenges: (stale: boolean) => readonly string[];
  /** Milliseconds until this caller may make a request again; 0 where it may now. */
  readonly acquireRequest: (caller: Caller) => number;
  readonly lists: ReturnType<typeof createReadService>;
  readonly renderedPages: ReturnType<typeof createRenderedPages<CachedHeads>>;
  readonly requestMemo: RequestMemo<ResolvedRequest>;
  readonly clock: Clock;
  readonly nextRequestId: () => string;
  readonly observe: (event: RequestCompletedEvent | DeprecatedEvent | UnexpectedErrorEvent) => void;
}

/** A request that was understood: its question, ready to be asked, and what is derived from it once. */
export interface ResolvedRequest {
  readonly query: ReadQuery;
  readonly reader: Reader;
  /** Which project's part of the cache it is about. */
  readonly partition: string;
  /** Its parameters as links name them. */
  readonly parameters: string;
  /** The key of its page among the renderings, for the listing it was last cut from. */
  page: { readonly revision: number; readonly key: string } | undefined;
  /** The coding that the last `Accept-Encoding` chooses. */
  accepted: { readonly encoding: string; readonly coding: ContentCoding } | undefined;
}

/** Bytes of the texts that are kept with it, which are as long as its parameters are when they are encoded. */
export const textBytesOf = ({ parameters }: ResolvedRequest): number => 2 * parameters.length;

/** What is known of a request by the time it is answered; filled in on the way. */
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

const HOW_TO_IDENTIFY =
  'Present a caller key of this gateway: as Authorization: Bearer <id>_<secret>, by HTTP digest with id and secret, or as a token from POST /api/oauth/token.';
const NO_CREDENTIAL =
  'No Atlas credential of this gateway covers this project: name it under credentials[].projects in the configuration.';
const BASIC_HINT =
  'Basic is not accepted here: trade id and secret for a token at POST /api/oauth/token, or use HTTP digest.';
const UNAVAILABLE = gatewayError(
  'AUTH_UNAVAILABLE',
  'Who you are cannot be checked now: the keys of the token\u2019s issuer cannot be had.',
  { retryAfterMs: 5_000 },
);

const UNKNOWN_OPERATION = gatewayError(
  'UNKNOWN_OPERATION',
  'This gateway does not serve this path. It serves the lists of the Atlas Administration API v2, such as /api/atlas/v2/groups/{groupId}/streams/privateLinkConnections; /openapi.json names all of them.',
);
const NOT_FOUND = gatewayError('NOT_FOUND', 'There is nothing here: the API is under /api/atlas/v2/.');
const UNEXPECTED_ERROR = gatewayError(
  'UNEXPECTED_ERROR',
  'The gateway failed to answer this request. Its log has a line with this X-Request-Id.',
);

/** Filters that were sent without a value, as `resolveQuery` returns them. */
type ResolvedBlank = Extract<ResolvedQuery, { type: 'resolved' }>['blank'];

/**
 * Whether a client may take a path for one of Atlas's API, however it is escaped: such a path is never answered with 404, which clients
 * read as "deleted".
 */
function isApiPath(path: string): boolean {
  try {
    return decodeURIComponent(path).startsWith('/api/');
  } catch {
    return path.startsWith('/api/');
  }
}

/** The way of a request, from the edge to the answer. Each step is in a file of its own; this one is the order they come in. */
export function createRequestHandler(
  { publicUrl }: RequestHandlerOptions,
  dependencies: RequestHandlerDependencies,
) {
  const { catalog, authenticate, challenges, acquireRequest, lists, renderedPages, requestMemo } =
    dependencies;
  const { clock, nextRequestId, observe } = dependencies;

  /** Step 2: nobody known is turned away. */
  function requireCaller(authResult: AuthResult, context: RequestContext): Caller | GatewayError {
    switch (authResult.type) {
      case 'unavailable':
        return UNAVAILABLE;
      case 'unauthenticated':
        context.reason = authResult.reason;
        return gatewayError('UNAUTHENTICATED', authResult.reason === 'basic' ? BASIC_HINT : HOW_TO_IDENTIFY, {
          headers: { 'WWW-Authenticate': [...challenges(authResult.stale === true)] },
        });
      case 'caller':
        context.caller = authResult.caller;
        return authResult.caller;
    }
  }

  /** Steps 3 and 4, read anew or remembered: what this very caller asked in the very same words a moment ago, and was allowed. */
  function resolveRequest(
    request: GatewayRequest,
    caller: Caller,
    context: RequestContext,
  ): ResolvedRequest | GatewayError {
    const waitMs = acquireRequest(caller);
    if (waitMs > 0)
      return gatewayError(
        'CALLER_RATE_LIMITED',
        'You make more requests than the policy of this gateway allows.',
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
      accepted: undefined,
    };
    requestMemo.set(caller, target, headers.accept, resolved, context.startedAt);
    return resolved;
  }

  /** Steps 3 and 4: what is asked for, and may this caller. */
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
      return gatewayError('METHOD_NOT_ALLOWED', 'This gateway only reads: use GET or HEAD.', {
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
          `The policy of this gateway does not let you read ${operation.id}.`,
        );
      case 'project-forbidden':
        return gatewayError(
          'PROJECT_FORBIDDEN',
          'The policy of this gateway does not let you read this project or organization.',
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

  /** Step 7: the page that was asked for, cut from the list that was read. */
  function toResponse(
    request: GatewayRequest,
    resolved: ResolvedRequest,
    read: ReadResult,
    context: RequestContext,
  ): GatewayResponse {
    context.upstreamCalls = read.upstreamCalls;
    if (read.type === 'not-cached')
      return errorResponse(
        gatewayError('NOT_CACHED', 'The list is not in memory, and the request asked not to load it.'),
      );
    if (read.type === 'overloaded')
      return errorResponse(
        gatewayError('OVERLOADED', 'Too many requests wait for Atlas already.', { retryAfterMs: 1_000 }),
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
        const coding = renderedPage.compressible
          ? codingFor(resolved, request.headers.acceptEncoding)
          : 'identity';
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
        // A list that is held by the page has no whole to lead back to.
        suffix: list.whole ? `&${SNAPSHOT_PARAMETER.name}=${list.snapshot}` : '',
        ...(count === undefined ? {} : { totalCount: count }),
      },
      shape,
    );
  }

  function complete(
    request: GatewayRequest,
    answer: GatewayResponse,
    context: RequestContext,
  ): CompletedResponse {
    const { requestId, startedAt, caller, operation, project, cache, upstreamCalls, reason } = context;
    const { status, head, body, text, errorCode } = answer;
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
    const answer =
      read === undefined
        ? errorResponse(gatewayError('NO_CREDENTIAL_FOR_PROJECT', NO_CREDENTIAL))
        : toResponse(request, resolved, read, context);
    return complete(request, answer, context);
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

  /** A bug: it fails this request only. */
  function fail(request: GatewayRequest, context: RequestContext, error: unknown): CompletedResponse {
    observe(unexpectedError('request', error, context.requestId));
    return complete(request, errorResponse(UNEXPECTED_ERROR), context);
  }

  return {
    /** Answers at once where memory can; never throws and never rejects. */
    answer(request: GatewayRequest): CompletedResponse | Promise<CompletedResponse> {
      const context = createContext();
      try {
        const answered = start(request, context);
        return answered instanceof Promise
          ? answered.catch((error: unknown) => fail(request, context, error))
          : answered;
      } catch (error) {
        return fail(request, context, error);
      }
    },
    /** Answers what the edge refused, so that it is counted and logged like any other. */
    gatewayError(request: GatewayRequest, error: GatewayError): CompletedResponse {
      return complete(request, errorResponse(error), createContext());
    },
  };
}

const projectOf = ({ groupId, orgId }: Readonly<Record<string, string>>) => groupId ?? orgId;

/** The page's key among the renderings: the serial tells the listing and with it version and filters, the rest the page's shape. */
function pageKey(resolved: ResolvedRequest, { revision }: Listing): string {
  if (resolved.page?.revision !== revision) {
    const { itemsPerPage, pageNum } = resolved.query.shape;
    resolved.page = { revision, key: `${revision} ${resolved.parameters}${itemsPerPage}/${pageNum}` };
  }
  return resolved.page.key;
}

/** Longer ones are read each time: what is remembered of a question must not grow with what is sent along with it. */
const MAX_ENCODING_LENGTH = 64;

function codingFor(resolved: ResolvedRequest, encoding: string | undefined): ContentCoding {
  if (encoding === undefined) return 'identity';
  if (encoding.length > MAX_ENCODING_LENGTH) return chooseCoding(encoding);
  if (resolved.accepted?.encoding !== encoding)
    resolved.accepted = { encoding, coding: chooseCoding(encoding) };
  return resolved.accepted.coding;
}

/** Whether links to other pages are written for this one. */
const hasOtherPages = ({ items }: Listing, { pageNum, itemsPerPage }: PageOptions) =>
  pageNum > 1 || countItems(items) > itemsPerPage;
