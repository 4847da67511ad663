import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { CredentialSecrets } from './authorization.ts';
import { createBearer } from './bearer.ts';
import { createDigest } from './digest.ts';
import type { UpstreamEvent } from './events.ts';
import { failed } from './failure.ts';
import type { Exchange, Send, UpstreamAnswer } from './message.ts';

export interface CredentialOptions {
  /** The credential's name in the configuration. */
  readonly name: string;
  readonly kind: 'service-account' | 'api-key';
  readonly secrets: CredentialSecrets;
  readonly mintTimeoutMs: number;
}

const codeOf = (answer: UpstreamAnswer) => (answer.type === 'failed' ? answer.code : String(answer.status));

/**
 * The way of a question to Atlas, top to bottom:
 *
 *   walk        a whole list, 500 items a page
 *     deadline  no wait, whoever waits for what, is longer than the request's
 *     measure   one observation an exchange that Atlas counts
 *     bearer    one token for all, or: digest, one nonce for all
 *     transport one pool of connections, one origin, no redirects
 */
export function createCredentialSend(
  { name, kind, secrets, mintTimeoutMs }: CredentialOptions,
  {
    exchange,
    clock,
    random,
    observe,
  }: { exchange: Exchange; clock: Clock; random: Random; observe: (event: UpstreamEvent) => void },
): Send {
  const dependencies = { exchange, clock, random, observe };
  const signed =
    kind === 'service-account'
      ? createBearer({ name, secrets, mintTimeoutMs }, dependencies)
      : createDigest({ name, secrets }, dependencies);

  const measured: Send = async (request) => {
    const startedAt = clock.now();
    const answer = await signed(request);
    observe({
      type: 'upstream-exchange',
      operation: request.operation,
      credential: name,
      code: codeOf(answer),
      durationMs: clock.now() - startedAt,
    });
    return answer;
  };

  return (request) =>
    new Promise((resolve) => {
      const timeout = () => resolve(failed('UPSTREAM_TIMEOUT', 'Atlas did not answer in time.'));
      const cancel = clock.after(Math.max(0, request.deadlineAt - clock.now()), timeout);
      void measured(request).then((answer) => {
        cancel();
        resolve(answer);
      });
    });
}
