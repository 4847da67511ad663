import { type BucketSize, bucketSizeOf } from '../atlas/rate-limit-buckets.ts';
import type { Clock } from '../lib/clock.ts';

/** The result of drawing one request from a bucket. */
export interface Drawn {
  readonly limit: number;
  readonly remaining: number;
  /** Absent if the request is allowed, else whole seconds to wait, which can be 0 [recorded]. */
  readonly retryAfterSeconds?: number;
  readonly refill: number;
}

/** Draws one request from the bucket of an endpoint set and scope. */
export type DrawToken = (endpointSet: string, scope: string) => Drawn;

/** Token buckets by endpoint set and scope. `limits` are sizes in place of the recorded and documented ones. */
export function createLimits(clock: Clock, limits: Readonly<Record<string, BucketSize>> = {}): DrawToken {
  const buckets = new Map<string, { tokens: number; countedAt: number }>();
  return (endpointSet, scope) => {
    const { capacity, refill, perMs } = limits[endpointSet] ?? bucketSizeOf(endpointSet);
    const now = clock.now();
    const key = `${endpointSet} ${scope}`;
    const bucket = buckets.get(key) ?? { tokens: capacity, countedAt: now };
    bucket.tokens = Math.min(capacity, bucket.tokens + ((now - bucket.countedAt) * refill) / perMs);
    bucket.countedAt = now;
    buckets.set(key, bucket);
    if (bucket.tokens < 1) {
      return {
        limit: capacity,
        remaining: 0,
        refill,
        retryAfterSeconds: Math.floor(((1 - bucket.tokens) * perMs) / refill / 1_000),
      };
    }
    bucket.tokens -= 1;
    return { limit: capacity, remaining: Math.floor(bucket.tokens), refill };
  };
}
