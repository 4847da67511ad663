import type { IncomingMessage, ServerResponse } from 'node:http';
import { gatewayError } from '../gateway/gateway-error.ts';
import type { createRequestHandler } from '../gateway/request-handler.ts';
import type { GatewayRequest } from '../gateway/resolve-request.ts';
import type { CompletedResponse } from '../gateway/response.ts';
import type { WhenOver } from './connection-slots.ts';
import type { InFlight } from './in-flight.ts';

/** Answers an API request, at once if memory suffices; never throws and never rejects. */
export type AnswerApi = (
  request: GatewayRequest,
  /** Where the request came from; absent under `app.fetch`. */
  connection: { readonly incoming?: IncomingMessage; readonly outgoing?: ServerResponse } | undefined,
) => CompletedResponse | Promise<CompletedResponse>;

export const OVERLOADED = gatewayError('OVERLOADED', 'Too many requests are in flight.', {
  retryAfterMs: 1_000,
});

/**
 * Puts the limit of requests in flight around the request handler. A request that waits keeps its slot until it is answered or its
 * connection is closed. Not until the answer is received: a client that does not read must not keep a slot of those that do.
 */
export function limitInFlight(
  { answer, reject }: ReturnType<typeof createRequestHandler>,
  { inFlight, whenOver }: { inFlight: Pick<InFlight, 'begin' | 'end'>; whenOver: WhenOver },
): AnswerApi {
  const end = () => inFlight.end();
  return (request, connection) => {
    const answered = inFlight.begin() ? answer(request) : reject(request, OVERLOADED);
    if (!(answered instanceof Promise)) {
      inFlight.end();
      return answered;
    }
    const { incoming, outgoing } = connection ?? {};
    return answered.finally(
      incoming === undefined || outgoing === undefined ? end : whenOver(incoming, outgoing, end),
    );
  };
}
