import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Hono } from 'hono';
import type { ApiError } from '../../atlas/api-error.ts';
import type { Clock } from '../../lib/clock.ts';
import type { UnexpectedErrorEvent } from '../../lib/unexpected-error.ts';
import { type BodyError, createAppListener } from '../app-listener.ts';
import type { ServerEnv } from '../bindings.ts';
import { BODY_TOO_LARGE } from '../body-slots.ts';
import { createWhenOver } from '../connection-slots.ts';
import { originForm } from '../origin-form.ts';
import { namesItsHostOnce, readHeaders } from '../request-headers.ts';
import { writeLastError } from '../write-error.ts';

export interface AdminListenerDependencies {
  readonly clock: Clock;
  readonly nextRequestId: () => string;
  readonly onUnexpectedError: (event: UnexpectedErrorEvent) => void;
}

const invalid = (detail: string): ApiError => ({ status: 400, errorCode: 'INVALID_REQUEST', detail });
const AMBIGUOUS_HOST = invalid('Send exactly one Host header.');
const NO_PATH = invalid('The request target must be a path that begins with a slash, or an absolute URL.');

const BODY_ERRORS: Readonly<Record<BodyError, ApiError>> = {
  overloaded: {
    status: 503,
    errorCode: 'OVERLOADED',
    detail: 'Too many requests with bodies are in flight.',
  },
  'too-large': { status: 413, errorCode: 'PAYLOAD_TOO_LARGE', detail: BODY_TOO_LARGE },
};

/** A path, or a URL that the app reads a path and a host from; not `*`. */
const ROUTABLE = /^(?:\/|https?:\/\/)/i;

/** What is wrong with a request before it is routed. */
function problemOf(request: IncomingMessage): ApiError | undefined {
  if (!namesItsHostOnce(request)) return AMBIGUOUS_HOST;
  return ROUTABLE.test(request.url ?? '') ? undefined : NO_PATH;
}

/** Puts the admin app behind a socket. */
export function createAdminListener(
  app: Hono<ServerEnv>,
  { clock, nextRequestId, onUnexpectedError }: AdminListenerDependencies,
): RequestListener {
  const refuse = (response: ServerResponse, error: ApiError, more?: Readonly<Record<string, string>>) =>
    writeLastError(response, error, nextRequestId(), more);
  const { route, routeWithBody } = createAppListener(app, {
    whenOver: createWhenOver(),
    clock,
    nextRequestId,
    onUnexpectedError,
    refuse: (_request, response, why) => refuse(response, BODY_ERRORS[why], { 'Retry-After': '1' }),
  });
  return (request, response) => {
    const problem = problemOf(request);
    // A target that names another host stays as it is, for the app to reject.
    if (request.url?.startsWith('/') === false) request.url = originForm(request) ?? request.url;
    if (problem !== undefined) refuse(response, problem);
    else if (readHeaders(request).hasBody) routeWithBody(request, response);
    else route(request, response);
  };
}
