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
  /** How long minting or proving may take. */
  readonly mintTimeoutMs: number;
}

/** A way to ask Atlas with one credential. */
export interface UpstreamClient extends Rotation {
  /** Whether Atlas is left alone for a moment because it failed several times in a row. */
  readonly circuitOpen: boolean;
}

/** What signs requests with a credential's secrets, whatever its kind. */
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
 * The way of a question to Atlas, top to bottom:
 *
 *   walk        a whole list, 500 items a page
 *     deadline  no wait, whoever waits for what, is longer than the request's
 *     retry     once or twice more where the trouble may pass
 *     circuit   an Atlas that is down is not asked, but for one probe
 *     budget    what Atlas's rate limits leave, shared by callers
 *     measure   one observation an exchange that Atlas counts
 *     rotation  the secrets in use, and new ones once they are proved
 *     bearer    one token for all, or: digest, one nonce for all
 *     transport one pool of connections, one origin, no redirects
 *
 * Digest may take two round trips, of which Atlas counts one: so budget and measure are above it.
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
  const circuit = createCircuitBreaker({ credential: name }, { clock, random, observe });

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
