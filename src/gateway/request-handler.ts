import type { Clock } from '../lib/clock.ts';
import type { BeginTrace } from '../lib/trace-span.ts';
import { type UnexpectedErrorEvent, unexpectedError } from '../lib/unexpected-error.ts';
import type { AuthResult, Caller, RequestLine } from './auth/key-auth.ts';
import { parseCacheDirectives } from './cache-directives.ts';
import type { DeprecatedEvent, PartialResponseEvent, RequestCompletedEvent } from './events.ts';
import { type GatewayError, gatewayError } from './gateway-error.ts';
import { loggedPath } from './logged-text.ts';
import type { ReadResult } from './reads/listing.ts';
import { createRenderResponse, type RenderDependencies } from './render-response.ts';
import { createContext, type RequestContext } from './request-context.ts';
import type { IdentifyRequest } from './request-identity.ts';
import { createBeginSpan, endRequestSpan, readTraced } from './request-span.ts';
import {
  type Admission,
  createResolveRequest,
  type GatewayRequest,
  type ResolveDependencies,
  type ResolvedRequest,
} from './resolve-request.ts';
import { type CompletedResponse, errorResponse, type GatewayResponse } from './response.ts';

export interface RequestHandlerOptions {
  /** Scheme and host for links; never taken from a request. */
  readonly publicUrl: () => string;
}

export interface RequestHandlerDependencies extends ResolveDependencies, RenderDependencies {
  readonly authenticate: (
    authorization: string | undefined,
    requestLine: RequestLine,
  ) => AuthResult | Promise<AuthResult>;
  /** `WWW-Authenticate` values that name the accepted schemes. */
  readonly challenges: (stale: boolean) => readonly string[];
  readonly clock: Clock;
  readonly identify: IdentifyRequest;
  readonly beginTrace: BeginTrace;
  readonly observe: (
    event: RequestCompletedEvent | DeprecatedEvent | PartialResponseEvent | UnexpectedErrorEvent,
  ) => void;
}

const AUTHENTICATION_HINT =
  'Authenticate with a caller key of this gateway, not with credentials of Atlas. Accepted are: Authorization: Bearer <id>_<secret>; HTTP Digest with id and secret; a bearer token from POST /api/oauth/token; a JWT of an issuer that this gateway trusts.';
const NO_CREDENTIAL =
  'No Atlas credential of this gateway covers this project. Add the project to credentials[].projects in the configuration.';
const BASIC_HINT =
  'Basic authentication is not accepted here: send Authorization: Bearer <id>_<secret>, use HTTP Digest with id and secret, or exchange them for a token at POST /api/oauth/token.';
const UNAVAILABLE = gatewayError(
  'AUTH_UNAVAILABLE',
  'The token cannot be verified at the moment: the keys of its issuer are unavailable.',
  { retryAfterMs: 5_000 },
);

const UNEXPECTED_ERROR = gatewayError(
  'UNEXPECTED_ERROR',
  'The gateway failed to answer this request. Its log has an entry with this X-Request-Id.',
);

/** A request and its response, for logs and metrics. */
function completedEvent({
  request: { method, target },
  response: { status, body, errorCode },
  context,
  endedAt,
}: {
  request: GatewayRequest;
  response: GatewayResponse;
  context: RequestContext;
  endedAt: number;
}): RequestCompletedEvent {
  const { identity, startedAt, span, caller, operation, project, cache, upstreamCalls, reason } = context;
  const { requestId, parent, clientIp, userAgent } = identity;
  return {
    type: 'answered',
    requestId,
    traceId: span?.traceId ?? parent?.traceId,
    clientIp,
    userAgent,
    method,
    caller: caller?.name,
    operation: operation?.id,
    path: operation === undefined ? loggedPath(target) : undefined,
    project,
    status,
    cache,
    endedAt,
    durationMs: endedAt - startedAt,
    bytes: method === 'HEAD' ? 0 : body.length,
    upstreamCalls,
    errorCode,
    reason,
  };
}

/** Handles a request from the edge to the response. Each step has a file of its own; this file defines their order. */
export function createRequestHandler(
  options: RequestHandlerOptions,
  dependencies: RequestHandlerDependencies,
) {
  const { authenticate, challenges, clock, identify, observe } = dependencies;
  const beginSpan = createBeginSpan(dependencies.beginTrace);
  const resolveRequest = createResolveRequest(dependencies);
  const renderResponse = createRenderResponse(options, dependencies);

  /** Step 2: rejects unauthenticated requests. */
  function requireCaller(
    request: GatewayRequest,
    authResult: AuthResult,
    context: RequestContext,
  ): Caller | GatewayError {
    context.span = beginSpan(request, context, { isCaller: authResult.type === 'caller' });
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

  function complete(
    request: GatewayRequest,
    response: GatewayResponse,
    context: RequestContext,
  ): CompletedResponse {
    const { identity, span } = context;
    const event = completedEvent({ request, response, context, endedAt: clock.now() });
    observe(event);
    if (span !== undefined) endRequestSpan(span, event);
    const { status, head, body, text } = response;
    return { status, head, body, text, requestId: identity.requestId };
  }

  function handle(
    request: GatewayRequest,
    caller: Caller | GatewayError,
    context: RequestContext,
  ): CompletedResponse | Promise<CompletedResponse> {
    if ('type' in caller) return complete(request, errorResponse(caller), context);
    const resolved = resolveRequest(request, caller, context);
    if ('type' in resolved) return complete(request, errorResponse(resolved), context);
    return resolved.admission === undefined
      ? readAndRespond(request, resolved, context)
      : resolved.admission
          .admit(context.span)
          .then((admission) => respondIfAdmitted(request, resolved, admission, context));
  }

  /** Only for callers that may read a project which the path names by its name. */
  function respondIfAdmitted(
    request: GatewayRequest,
    resolved: ResolvedRequest,
    admission: Admission,
    context: RequestContext,
  ): CompletedResponse | Promise<CompletedResponse> {
    switch (admission.type) {
      case 'admitted':
        return readAndRespond(request, resolved, context);
      case 'denied':
        return complete(request, errorResponse(admission.error), context);
      case 'failed':
        return respond(request, resolved, admission.read, context);
    }
  }

  function readAndRespond(
    request: GatewayRequest,
    resolved: ResolvedRequest,
    context: RequestContext,
  ): CompletedResponse | Promise<CompletedResponse> {
    const { cacheControl, pragma } = request.headers;
    const directives = parseCacheDirectives(cacheControl, pragma);
    const read = readTraced(resolved.reader, directives, context.span);
    return read instanceof Promise
      ? read.then((late) => respond(request, resolved, late, context))
      : respond(request, resolved, read, context);
  }

  function toResponse(
    request: GatewayRequest,
    resolved: ResolvedRequest,
    read: ReadResult | undefined,
    context: RequestContext,
  ): GatewayResponse | Promise<GatewayResponse> {
    if (read === undefined) return errorResponse(gatewayError('NO_CREDENTIAL_FOR_PROJECT', NO_CREDENTIAL));
    const denial = read.type === 'value' ? resolved.admission?.denialOf(read.value) : undefined;
    if (denial === undefined) return renderResponse(request.headers, resolved, read, context);
    context.upstreamCalls = read.upstreamCalls;
    return errorResponse(denial);
  }

  function respond(
    request: GatewayRequest,
    resolved: ResolvedRequest,
    read: ReadResult | undefined,
    context: RequestContext,
  ): CompletedResponse | Promise<CompletedResponse> {
    const response = toResponse(request, resolved, read, context);
    return response instanceof Promise
      ? response.then((late) => complete(request, late, context))
      : complete(request, response, context);
  }

  function start(
    request: GatewayRequest,
    context: RequestContext,
  ): CompletedResponse | Promise<CompletedResponse> {
    const authResult = authenticate(request.headers.authorization, request);
    return authResult instanceof Promise
      ? authResult.then((late) => handle(request, requireCaller(request, late, context), context))
      : handle(request, requireCaller(request, authResult, context), context);
  }

  /** An unexpected exception is a bug and fails this request only. */
  function fail(request: GatewayRequest, context: RequestContext, error: unknown): CompletedResponse {
    observe(unexpectedError('request', error, context.identity.requestId));
    return complete(request, errorResponse(UNEXPECTED_ERROR), context);
  }

  const open = (request: GatewayRequest): RequestContext => createContext(identify(request), clock.now());

  return {
    /** Responds synchronously if memory suffices; never throws and never rejects. */
    answer(request: GatewayRequest): CompletedResponse | Promise<CompletedResponse> {
      const context = open(request);
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
      const context = open(request);
      context.span = beginSpan(request, context, { isCaller: false });
      return complete(request, errorResponse(error), context);
    },
  };
}
