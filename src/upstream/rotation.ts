import type { Clock } from '../lib/clock.ts';
import { unexpectedError } from '../lib/unexpected-error.ts';
import type { CredentialSecrets } from './authorization.ts';
import type { UpstreamEvent } from './events.ts';
import type { Send, UpstreamFailure } from './message.ts';

/** A credential in use: what signs requests, and the one call that shows whether Atlas accepts it. */
export interface SignedSend {
  readonly send: Send;
  /** Undefined where Atlas accepts the credential. */
  prove(): Promise<UpstreamFailure | undefined>;
  /** Gives back the token it holds, so that it does not count against those that Atlas lets live. Absent: it holds none. */
  release?(): Promise<void>;
}

/** A credential whose secrets can be replaced while it is used. */
export interface Rotation {
  readonly send: Send;
  /** The id of the secrets in use. */
  readonly id: string;
  /** Puts other secrets in the place of those in use, once Atlas has accepted them; until then the old ones stay. */
  offer(secrets: CredentialSecrets): void;
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
  let offered: CredentialSecrets | undefined;

  async function tryOut(candidate: CredentialSecrets, pauseMs: number): Promise<void> {
    const signed = create(candidate);
    const refusal = await signed.prove();
    // Others may have been offered meanwhile, or the old ones again.
    if (offered !== candidate) return;
    if (refusal === undefined) {
      offered = undefined;
      used = candidate;
      current = signed;
      observe({ type: 'credential-renewal', credential: name, outcome: 'rotated' });
      return;
    }
    observe({ type: 'credential-renewal', credential: name, outcome: 'kept', detail: refusal.detail });
    clock.after(pauseMs, () => {
      if (offered === candidate) begin(candidate, Math.min(LONGEST_PAUSE_MS, pauseMs * 2));
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
    offer(candidate) {
      if (same(offered, candidate)) return;
      offered = same(used, candidate) ? undefined : candidate;
      if (offered !== undefined) begin(offered, FIRST_PAUSE_MS);
    },
  };
}
