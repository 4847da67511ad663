import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestIdentity } from '../gateway/request-identity.ts';
import type { CompletedResponse } from '../gateway/response.ts';

/** Hono's environment of both apps; under `app.fetch(request)` alone there is none. */
export interface ServerEnv {
  readonly Bindings: Bindings;
  readonly Variables: {
    readonly requestId: string;
    /** On the public listener; when the request was identified, in monotonic milliseconds. */
    readonly identity: RequestIdentity;
    readonly startedAt: number;
  };
}

/** What the listener passes to an app with a request from a socket. */
export interface Bindings {
  readonly incoming?: IncomingMessage;
  readonly outgoing?: ServerResponse;
  /** The body as read from the socket, for routes that take one. */
  readonly body?: string | undefined;
  /** The answer that the hit path began and that is not complete yet. */
  readonly pending?: Promise<CompletedResponse> | undefined;
}
