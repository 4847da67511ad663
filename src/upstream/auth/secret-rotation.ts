import { createBackoff } from '../../lib/backoff.ts';
import type { Clock } from '../../lib/clock.ts';
import { unexpectedError } from '../../lib/unexpected-error.ts';
import type { UpstreamEvent } from '../events.ts';
import type { CredentialSecrets, Signer } from './signer.ts';

/** A credential whose secrets can be replaced while in use. */
export interface Rotation extends Pick<Signer, 'prepare' | 'send'> {
  /** The id of the secrets in use. */
  readonly id: string;
  /** Stops testing secrets; `revoke`: also revokes the token in use, if there is one. */
  close(options: { revoke: boolean }): Promise<void>;
  /** Replaces the secrets once Atlas has accepted the new ones; until then the old ones stay in use. */
  proposeSecrets(secrets: CredentialSecrets): void;
}

const pauseMs = createBackoff({ firstMs: 1_000, longestMs: 60_000 });

const same = (one: CredentialSecrets | undefined, other: CredentialSecrets) =>
  one?.id === other.id && one.secret === other.secret;

type Observe = (event: UpstreamEvent) => void;

const isFailedRenewal = (event: UpstreamEvent) =>
  event.type === 'credential-renewal' && (event.outcome === 'refused' || event.outcome === 'failed');

/** `create` builds a signer for given secrets. Rejected secrets are verified again with exponential backoff until others are proposed. */
export function createRotation(
  {
    name,
    secrets,
    create,
  }: {
    name: string;
    secrets: CredentialSecrets;
    create: (secrets: CredentialSecrets, observe: Observe) => Signer;
  },
  { clock, observe }: { clock: Clock; observe: Observe },
): Rotation {
  let currentSecrets = secrets;
  let current = create(secrets, observe);
  let proposed: CredentialSecrets | undefined;

  async function tryCandidate(candidate: CredentialSecrets, failures: number): Promise<void> {
    let inUse = false;
    // A candidate that fails is reported as `kept`: reported as a failed renewal too, it would look like the loss of the secret in use.
    const signed = create(candidate, (event) => {
      if (inUse || !isFailedRenewal(event)) observe(event);
    });
    const failure = await signed.verify();
    // In the meantime, other secrets may have been proposed, or the old ones again.
    if (proposed !== candidate) return;
    if (failure === undefined) {
      proposed = undefined;
      inUse = true;
      currentSecrets = candidate;
      current = signed;
      observe({ type: 'credential-renewal', credential: name, outcome: 'rotated' });
      return;
    }
    observe({ type: 'credential-renewal', credential: name, outcome: 'kept', detail: failure.detail });
    tryLater(candidate, failures);
  }

  function tryLater(candidate: CredentialSecrets, failures: number): void {
    clock.after(pauseMs(failures), () => {
      if (proposed === candidate) begin(candidate, failures + 1);
    });
  }

  function begin(candidate: CredentialSecrets, failures: number): void {
    tryCandidate(candidate, failures).catch((error: unknown) => {
      observe(unexpectedError('the test of a new secret', error));
      tryLater(candidate, failures);
    });
  }

  return {
    prepare: (request) => current.prepare(request),
    send: (request) => current.send(request),
    async close({ revoke }) {
      proposed = undefined;
      if (revoke) await current.revokeToken?.();
    },
    get id() {
      return currentSecrets.id;
    },
    proposeSecrets(candidate) {
      if (same(proposed, candidate)) return;
      proposed = same(currentSecrets, candidate) ? undefined : candidate;
      if (proposed !== undefined) begin(proposed, 0);
    },
  };
}
