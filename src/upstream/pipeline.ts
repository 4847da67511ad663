import { type BearerDependencies, createBearer } from './auth/bearer.ts';
import { createDigest } from './auth/digest.ts';
import { createRotation, type Rotation, type SignedSend } from './auth/secret-rotation.ts';
import type { CredentialSecrets } from './auth-errors.ts';
import type { Budget } from './budget/budget.ts';
import { createCircuitBreaker } from './circuit-breaker.ts';
import { upstreamFailure } from './failure.ts';
import type { Send, UpstreamResult } from './message.ts';
import { createRetry } from './retry.ts';

export interface CredentialOptions {
  /** The credential's name in the configuration. */
  readonly name: string;
  readonly kind: 'service-account' | 'api-key';
  readonly secrets: CredentialSecrets;
  /** Deadline for minting a token or verifying the credential. */
  readonly mintTimeoutMs: number;
}

/** The Atlas client of one credential. */
export interface UpstreamClient extends Rotation {
  /** Whether the circuit breaker is open. */
  readonly circuitOpen: boolean;
}

/** Creates the signer for a credential of either kind. */
export function createSigner(
  { name, kind, secrets, mintTimeoutMs }: CredentialOptions,
  dependencies: BearerDependencies,
): SignedSend {
  switch (kind) {
    case 'service-account':
      return createBearer({ name, secrets, mintTimeoutMs }, dependencies);
    case 'api-key':
      return createDigest({ name, secrets, verifyTimeoutMs: mintTimeoutMs }, dependencies);
  }
}

const codeOf = (answer: UpstreamResult) => (answer.type === 'failed' ? answer.code : String(answer.status));

/**
 * The layers that a request to Atlas passes, from top to bottom:
 *
 *   walk        reads a whole list, 500 items per page
 *     deadline  bounds every wait below by the request's deadline
 *     retry     repeats transient failures once or twice
 *     circuit   rejects requests while Atlas is down, except for one probe
 *     budget    enforces Atlas's rate limits, fairly between callers
 *     measure   reports one event per exchange that Atlas counts
 *     rotation  holds the current secrets, and new ones once they are verified
 *     bearer    one token for all requests, or: digest, one nonce for all requests
 *     transport one connection pool, one origin, no redirects
 *
 * Digest may take two round trips, of which Atlas counts one, so budget and measure sit above it.
 */
export function createUpstreamClient(
  { name, kind, secrets, mintTimeoutMs }: CredentialOptions,
  { exchange, budget, clock, random, observe, shareGrant }: BearerDependencies & { readonly budget: Budget },
): UpstreamClient {
  const create = (current: CredentialSecrets) =>
    createSigner(
      { name, kind, secrets: current, mintTimeoutMs },
      { exchange, clock, random, observe, shareGrant },
    );
  const rotation = createRotation({ name, secrets, create }, { clock, observe });
  const circuit = createCircuitBreaker({ credential: name }, { clock, observe });

  const measured: Send = async (request) => {
    const startedAt = clock.now();
    const answer = await rotation.send(request);
    observe({
      type: 'upstream-exchange',
      operation: request.operation,
      credential: name,
      code: codeOf(answer),
      durationMs: clock.now() - startedAt,
    });
    return answer;
  };

  const retried = createRetry({ clock, random, observe })(circuit.wrap(budget.limit(name)(measured)));

  return {
    send: (request) =>
      new Promise((resolve, reject) => {
        const timeout = () => resolve(upstreamFailure('UPSTREAM_TIMEOUT', 'Atlas did not answer in time.'));
        const cancel = clock.after(Math.max(0, request.deadlineAt - clock.now()), timeout);
        retried(request).then(resolve, reject).finally(cancel);
      }),
    proposeSecrets: (next) => rotation.proposeSecrets(next),
    get id() {
      return rotation.id;
    },
    get circuitOpen() {
      return circuit.open;
    },
  };
}
