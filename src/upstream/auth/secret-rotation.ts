import type { Clock } from '../../lib/clock.ts';
import { unexpectedError } from '../../lib/unexpected-error.ts';
import type { CredentialSecrets } from '../auth-errors.ts';
import type { UpstreamEvent } from '../events.ts';
import type { Send, UpstreamFailure } from '../message.ts';

/** A credential in use: what signs requests, and the one call that shows whether Atlas accepts it. */
export interface SignedSend {
  readonly send: Send;
  /** Undefined where Atlas accepts the credential. */
  verify(): Promise<UpstreamFailure | undefined>;
  /** Gives back the token it holds, so that it does not count against those that Atlas lets live. Absent: it holds none. */
  revokeToken?(): Promise<void>;
}

/** A credential whose secrets can be replaced while it is used. */
export interface Rotation {
  readonly send: Send;
  /** The id of the secrets in use. */
  readonly id: string;
  /** Puts other secrets in the place of those in use, once Atlas has accepted them; until then the old ones stay. */
  proposeSecrets(secrets: CredentialSecrets): void;
}

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

const same = (one: CredentialSecrets | undefined, other: CredentialSecrets) =>
  one?.id === other.id && one.secret === other.secret;

/** `create` makes what signs with given secrets. Secrets that are refused are tried again, ever more seldom, until others are offered. */
export function createRotation(
  {
    name,
    secrets,
    create,
  }: { name: string; secrets: CredentialSecrets; create: (secrets: CredentialSecrets) => SignedSend },
  { clock, observe }: { clock: Clock; observe: (event: UpstreamEvent) => void },
): Rotation {
  let used = secrets;
  let current = create(secrets);
  let proposed: CredentialSecrets | undefined;

  async function tryOut(candidate: CredentialSecrets, pauseMs: number): Promise<void> {
    const signed = create(candidate);
    const failure = await signed.verify();
    // Others may have been offered meanwhile, or the old ones again.
    if (proposed !== candidate) return;
    if (failure === undefined) {
      proposed = undefined;
      used = candidate;
      current = signed;
      observe({ type: 'credential-renewal', credential: name, outcome: 'rotated' });
      return;
    }
    observe({ type: 'credential-renewal', credential: name, outcome: 'kept', detail: failure.detail });
    clock.after(pauseMs, () => {
      if (proposed === candidate) begin(candidate, Math.min(LONGEST_PAUSE_MS, pauseMs * 2));
    });
  }

  const begin = (candidate: CredentialSecrets, pauseMs: number) =>
    void tryOut(candidate, pauseMs).catch((error: unknown) =>
      observe(unexpectedError('the test of a new secret', error)),
    );

  return {
    send: (request) => current.send(request),
    get id() {
      return used.id;
    },
    proposeSecrets(candidate) {
      if (same(proposed, candidate)) return;
      proposed = same(used, candidate) ? undefined : candidate;
      if (proposed !== undefined) begin(proposed, FIRST_PAUSE_MS);
    },
  };
}
