import { type Cluster, createCluster } from '../cluster/cluster.ts';
import { createRedisClient, type RedisClient } from '../cluster/redis-client.ts';
import { readRedisUrl } from '../cluster/redis-url.ts';
import { createSealedStore, type SealedStore } from '../cluster/sealed-store.ts';
import { createSharedGrants } from '../cluster/shared-tokens.ts';
import type { ResolvedConfig } from '../config/reload-settings.ts';
import { createSharedAccess, type SharedAccess } from '../gateway/auth/cluster-auth.ts';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import { createSeal } from '../lib/sealed-box.ts';
import type { LogEvent } from '../observability/log.ts';
import type { ShareGrant } from '../upstream/auth/bearer.ts';
import type { Budget } from '../upstream/budget/budget.ts';

/** Minimum size limit of a list in the shared tier, however small `cache.maxBytes` is. */
const MIN_SHARED_BYTES = 16_777_216;

/** What this gateway shares with others through Redis. */
export interface ClusterParts {
  readonly client: RedisClient;
  readonly cluster: Cluster;
  readonly store: SealedStore;
  readonly access: SharedAccess;
  readonly shareGrant: ShareGrant;
}

/** Undefined if `cache.shared` is not configured, and then none of its components runs. */
export function buildCluster(
  { config, secretOf }: ResolvedConfig,
  {
    budget,
    clock,
    random,
    observe,
  }: { budget: Budget; clock: Clock; random: Random; observe: (event: LogEvent) => void },
): ClusterParts | undefined {
  const { shared, maxBytes: cacheBytes, projectShare } = config.cache;
  if (shared === undefined) return undefined;
  const address = readRedisUrl(secretOf(shared.url));
  if (address === undefined) throw new Error('cache.shared.url is not a valid Redis URL');
  const { ca, previousEncryptionKey, timeout } = shared;
  const keys = {
    encryptionKey: secretOf(shared.encryptionKey),
    otherKey: previousEncryptionKey === undefined ? undefined : secretOf(previousEncryptionKey),
  };
  const maxBytes = Math.max(MIN_SHARED_BYTES, Math.floor(cacheBytes * projectShare));
  const client = createRedisClient(
    { address, timeoutMs: timeout, ...(ca === undefined ? {} : { ca: secretOf(ca) }) },
    { clock, random, observe },
  );
  const sealed = { engine: client, seal: createSeal({ ...keys, maxBytes }, { random }), clock, random };
  const cluster = createCluster({ namespace: config.upstream.origin }, { ...sealed, budget });
  const store = createSealedStore({ channel: cluster.channel, maxBytes }, sealed);
  return {
    client,
    cluster,
    store,
    access: createSharedAccess(keys, cluster),
    shareGrant: createSharedGrants({ group: cluster, values: store, clock }),
  };
}
