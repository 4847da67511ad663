import { createCatalog } from '../atlas/catalog.ts';
import { operations } from '../atlas/operations.ts';
import type { ResolvedConfig } from '../config/reload-settings.ts';
import { createDiscover } from '../gateway/credentials/discovery.ts';
import { type ProbeResult, probe } from '../gateway/credentials/probe.ts';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import { settledWithin } from '../lib/settled-within.ts';
import { createSignedSend } from '../upstream/auth/signed-send.ts';
import { createSigner } from '../upstream/pipeline.ts';
import { createRetry } from '../upstream/retry.ts';
import { createTransport } from '../upstream/transport.ts';
import { credentialSettingsOf } from './live-settings.ts';
import { MINT_FRACTION, transportOptions } from './upstream.ts';

/** The result of probing one credential. */
export interface ProbedCredential extends ProbeResult {
  readonly durationMs: number;
  /** Ids of the projects and organizations it sees; absent if not requested or if discovery failed. */
  readonly sees?: ReadonlySet<string>;
}

/** Probes the credentials of a configuration against Atlas, without a running gateway. */
export interface CredentialProber {
  /** `discoverScopes`: also discovers what the credential sees. The probe and each discovery request end within `upstream.timeout`. */
  verify(
    credential: ResolvedConfig['config']['credentials'][number],
    options: { readonly discoverScopes: boolean },
  ): Promise<ProbedCredential>;
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 4;
/** Fraction of a load's time for revoking the token; revocation is best effort. */
const REVOKE_FRACTION = 0.2;

/**
 * Connects only the components that one request needs:
 *
 *   probe → retry → bearer or digest → transport → Atlas
 *
 * A token obtained for the probe is revoked: Atlas allows a service account 100 tokens, and the running gateway needs one.
 */
export function createCredentialProber(
  { config, secretOf }: ResolvedConfig,
  { version, clock, random }: { version: string; clock: Clock; random: Random },
): CredentialProber {
  const { timeout: timeoutMs } = config.upstream;
  const transport = createTransport(
    transportOptions({ config, secretOf }, { version, maxConnections: MAX_CONNECTIONS }),
    { clock },
  );
  const retried = createRetry({ clock, random, observe: () => undefined });
  const discover = createDiscover({ catalog: createCatalog(operations), clock, timeoutMs });

  return {
    async verify(credential, { discoverScopes }) {
      const { name, kind, secrets } = credentialSettingsOf(credential, secretOf);
      const signed = createSigner(
        { name, kind, secrets, mintTimeoutMs: timeoutMs * MINT_FRACTION },
        {
          exchange: transport.exchange,
          internalExchange: transport.exchange,
          clock,
          random,
          observe: () => undefined,
        },
      );
      const send = createSignedSend(signed);
      const startedAt = clock.now();
      const result = await probe(retried(send), { clock, timeoutMs });
      const durationMs = clock.now() - startedAt;
      const sees =
        discoverScopes && result.outcome === 'accepted'
          ? await discover({ name, send, freshnessFactor: () => 1 })
          : undefined;
      if (signed.revokeToken !== undefined)
        await settledWithin(signed.revokeToken(), timeoutMs * REVOKE_FRACTION, { clock });
      return { ...result, durationMs, ...(sees === undefined ? {} : { sees }) };
    },
    close: () => transport.close(),
  };
}
