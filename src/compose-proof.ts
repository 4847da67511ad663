import { createCatalog } from './atlas/catalog.ts';
import { operations } from './atlas/operations.ts';
import { type ComposeOptions, MINT_PART, secretsOf } from './compose.ts';
import { createDiscover } from './gateway/discover.ts';
import { type Proof, proveOnce } from './gateway/proof.ts';
import type { Clock } from './lib/clock.ts';
import type { Random } from './lib/random.ts';
import { createRetry } from './upstream/retry.ts';
import { createSigned } from './upstream/stack.ts';
import { createTransport } from './upstream/transport.ts';

/** What asking Atlas showed of one credential. */
export interface Proved extends Proof {
  readonly durationMs: number;
  /** Ids of the projects and organizations it sees; absent where nobody asked, or Atlas did not say. */
  readonly sees?: ReadonlySet<string>;
}

/** Asks Atlas with the credentials of a configuration, without a gateway. */
export interface Prover {
  /** `lookAround`: asks also what the credential sees. Ends by `upstream.timeout`, each of the questions of `lookAround` by its own. */
  prove(
    credential: ComposeOptions['config']['credentials'][number],
    how: { readonly lookAround: boolean },
  ): Promise<Proved>;
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 4;
/** Giving a token back is a courtesy that may take this part of a load's time. */
const RELEASE_PART = 0.2;

/**
 * Joins what one question needs, and nothing else:
 *
 *   proof → retry → bearer or digest → transport → Atlas
 *
 * A token that was made for it is given back: Atlas lets a service account have 100, and the running gateway needs one.
 */
export function createProver(
  { config, secretOf }: Pick<ComposeOptions, 'config' | 'secretOf'>,
  { clock, random }: { clock: Clock; random: Random },
): Prover {
  const { origin, maxBody, timeout: timeoutMs } = config.upstream;
  const transport = createTransport(
    { origin, maxBodyBytes: maxBody, maxConnections: MAX_CONNECTIONS },
    { clock },
  );
  const retried = createRetry({ clock, random, observe: () => undefined });
  const discover = createDiscover({ catalog: createCatalog(operations), clock, timeoutMs });

  return {
    async prove(credential, { lookAround }) {
      const { name, serviceAccount } = credential;
      const signed = createSigned(
        {
          name,
          kind: serviceAccount === undefined ? 'api-key' : 'service-account',
          secrets: secretsOf(credential, secretOf),
          mintTimeoutMs: timeoutMs * MINT_PART,
        },
        { exchange: transport.exchange, clock, random, observe: () => undefined },
      );
      const startedAt = clock.now();
      const proof = await proveOnce(retried(signed.send), { clock, timeoutMs });
      const durationMs = clock.now() - startedAt;
      const sees =
        lookAround && proof.outcome === 'accepted'
          ? await discover({ name, send: signed.send, stretch: () => 1 })
          : undefined;
      if (signed.release !== undefined)
        await Promise.race([
          signed.release(),
          new Promise<void>((resolve) => void clock.after(timeoutMs * RELEASE_PART, resolve)),
        ]);
      return { ...proof, durationMs, ...(sees === undefined ? {} : { sees }) };
    },
    close: () => transport.close(),
  };
}
