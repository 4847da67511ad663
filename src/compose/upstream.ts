import type { Catalog } from '../atlas/catalog.ts';
import type { ResolvedConfig } from '../config/reload-settings.ts';
import { createDiscover } from '../gateway/credentials/discovery.ts';
import type { Credentials } from '../gateway/credentials/selection.ts';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import { settledWithin } from '../lib/settled-within.ts';
import type { LogEvent } from '../observability/log.ts';
import type { ShareGrant } from '../upstream/auth/bearer.ts';
import type { Budget } from '../upstream/budget/budget.ts';
import { createUpstreamClient } from '../upstream/pipeline.ts';
import { readProxyAddress } from '../upstream/proxy-address.ts';
import { createScheduler } from '../upstream/scheduler.ts';
import { createTransport, type Transport, type TransportOptions } from '../upstream/transport.ts';
import { type ConfiguredCredential, type CredentialSet, createCredentialSet } from './credentials.ts';
import { allCredentialSettings } from './live-settings.ts';
import type { ComposeOptions } from './options.ts';

/** Connections for tokens, digest challenges and rate limits, besides `upstream.maxConnections`. */
const INTERNAL_CONNECTIONS = 4;
/** The expected size of all responses in flight stays below this many times `upstream.maxBody`. */
const BODIES_IN_FLIGHT = 2;
/** Fraction of a load's time for obtaining a token, so that a failure is reported as such before the load's deadline. */
export const MINT_FRACTION = 0.8;
/** Fraction of a load's time for a proxy to answer, for the same reason. */
const PROXY_FRACTION = 0.5;

/** Everything between a load and Atlas. */
export interface Upstream {
  readonly credentials: readonly ConfiguredCredential[];
  readonly selection: Credentials;
  readonly replaceCredentials: CredentialSet['replace'];
  /** The connections for requests: how many are in use, and how many requests wait for one. */
  readonly connections: { readonly busy: number; readonly queued: number; readonly limit: number };
  /** Revokes the tokens of the credentials, and closes the connections, after at most `withinMs`. */
  close(options: { withinMs: number }): Promise<void>;
}

export interface UpstreamDependencies {
  /** The connections to Atlas; closed with the upstream. */
  readonly transport: Transport;
  readonly catalog: Catalog;
  readonly budget: Budget;
  readonly shareGrant: ShareGrant | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly observe: (event: LogEvent) => void;
}

/** How Atlas is reached: the origin, limits, proxy and trusted certificates. */
export function transportOptions(
  { config: { upstream }, secretOf }: ResolvedConfig,
  { version, maxConnections }: { version: string; maxConnections: number },
): TransportOptions {
  const { origin, maxBody: maxBodyBytes, timeout, ca } = upstream;
  const proxy = upstream.proxy === undefined ? undefined : readProxyAddress(secretOf(upstream.proxy));
  return {
    origin,
    maxBodyBytes,
    maxConnections,
    userAgent: `atlas-gateway/${version}`,
    proxy: proxy && { ...proxy, timeoutMs: timeout * PROXY_FRACTION },
    ca: ca === undefined ? undefined : secretOf(ca),
  };
}

/** The connections to Atlas: those of the scheduler, and a few for tokens and challenges. */
export function buildTransport(
  options: Pick<ComposeOptions, 'config' | 'secretOf' | 'build'>,
  { clock }: { clock: Clock },
): Transport {
  const maxConnections = options.config.upstream.maxConnections + INTERNAL_CONNECTIONS;
  return createTransport(transportOptions(options, { version: options.build.version, maxConnections }), {
    clock,
  });
}

/** One client for each credential; all use the same connections, slots and budget. */
export function buildUpstream(
  { config, secretOf }: ResolvedConfig,
  { transport, catalog, budget, shareGrant, clock, random, observe }: UpstreamDependencies,
): Upstream {
  const { maxBody, maxConnections, timeout: timeoutMs } = config.upstream;
  const maxBytesInFlight = maxBody * BODIES_IN_FLIGHT;
  const scheduler = createScheduler({ maxConnections, maxBytesInFlight }, { clock, observe });
  // Tokens and challenges must not wait behind the requests that need them, and their waits are not measured with those of lists.
  const internalScheduler = createScheduler(
    { maxConnections: INTERNAL_CONNECTIONS, maxBytesInFlight },
    { clock, observe: () => undefined },
  );
  const pipeline = { exchange: transport.exchange, scheduler, internalScheduler, budget, shareGrant };
  const mintTimeoutMs = timeoutMs * MINT_FRACTION;
  const credentials = createCredentialSet(allCredentialSettings({ config, secretOf }), {
    createClient: ({ name, kind, secrets }) =>
      createUpstreamClient(
        { name, kind, secrets, timeoutMs, mintTimeoutMs },
        { ...pipeline, clock, random, observe },
      ),
    freshnessFactor: (...scope) => budget.freshnessFactor(...scope),
    discover: createDiscover({ catalog, clock, timeoutMs }),
    clock,
    observe,
  });
  return {
    get credentials() {
      return credentials.current;
    },
    selection: credentials.selection,
    replaceCredentials: credentials.replace,
    get connections() {
      return { busy: scheduler.busy, queued: scheduler.queued, limit: maxConnections };
    },
    async close({ withinMs }) {
      scheduler.close();
      await settledWithin(credentials.close(), withinMs, { clock });
      internalScheduler.close();
      await transport.close();
    },
  };
}
