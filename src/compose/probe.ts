import { createCatalog } from '../atlas/catalog.ts';
import { operations } from '../atlas/operations.ts';
import { createDiscover } from '../gateway/credentials/discovery.ts';
import { type ProbeResult, probe } from '../gateway/credentials/probe.ts';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import { createSigner } from '../upstream/pipeline.ts';
import { createRetry } from '../upstream/retry.ts';
import { createTransport } from '../upstream/transport.ts';
import { type ComposeOptions, MINT_FRACTION, secretsOf } from './gateway.ts';

/** What asking Atlas showed of one credential. */
export interface ProbedCredential extends ProbeResult {
  readonly durationMs: number;
  /** Ids of the projects and organizations it sees; absent where nobody asked, or Atlas did not say. */
  readonly sees?: ReadonlySet<string>;
}

/** Asks Atlas with the credentials of a configuration, without a gateway. */
export interface CredentialProber {
  /** `lookAround`: asks also what the credential sees. Ends by `upstream.timeout`, each of the questions of `lookAround` by its own. */
  verify(
    credential: ComposeOptions['config']['credentials'][number],
    cacheStatus: { readonly discoverScopes: boolean },
  ): Promise<ProbedCredential>;
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 4;
/** Giving a token back is a courtesy that may take this part of a load's time. */
const RELEASE_FRACTION = 0.2;

/**
 * Joins what one question needs, and nothing else:
 *
 *   proof → retry → bearer or digest → transport → Atlas
 *
 * A token that was made for it is given back: Atlas lets a service account have 100, and the running gateway needs one.
 */
export function createCredentialProber(
  { config, secretOf }: Pick<ComposeOptions, 'config' | 'secretOf'>,
  { clock, random }: { clock: Clock; random: Random },
): CredentialProber {
  const { origin, maxBody, timeout: timeoutMs } = config.upstream;
  const transport = createTransport(
    { origin, maxBodyBytes: maxBody, maxConnections: MAX_CONNECTIONS },
    { clock },
  );
  const retried = createRetry({ clock, random, observe: () => undefined });
  const discover = createDiscover({ catalog: createCatalog(operations), clock, timeoutMs });

  return {
    async verify(credential, { discoverScopes }) {
      const { name, serviceAccount } = credential;
      const signed = createSigner(
        {
          name,
          kind: serviceAccount === undefined ? 'api-key' : 'service-account',
          secrets: secretsOf(credential, secretOf),
          mintTimeoutMs: timeoutMs * MINT_FRACTION,
        },
        { exchange: transport.exchange, clock, random, observe: () => undefined },
      );
      const startedAt = clock.now();
      const proof = await probe(retried(signed.send), { clock, timeoutMs });
      const durationMs = clock.now() - startedAt;
      const sees =
        discoverScopes && proof.outcome === 'accepted'
          ? await discover({ name, send: signed.send, freshnessFactor: () => 1 })
          : undefined;
      if (signed.revokeToken !== undefined)
        await Promise.race([
          signed.revokeToken(),
          new Promise<void>((resolve) => void clock.after(timeoutMs * RELEASE_FRACTION, resolve)),
        ]);
      return { ...proof, durationMs, ...(sees === undefined ? {} : { sees }) };
    },
    close: () => transport.close(),
  };
}
