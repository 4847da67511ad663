import { type BucketSize, bucketSizeOf } from '../atlas/endpoint-sets.ts';
import type { Clock } from '../lib/clock.ts';
import { type Answer, errorAnswer } from './answer.ts';

/** Sizes that differ from Atlas's, by endpoint set. */
export type BucketSizes = Readonly<Record<string, BucketSize>>;

/** What a bucket says to a request: its size and, after the request has paid, what is left; or how long the next token takes. */
export type Charge = { readonly size: BucketSize } & (
  | { readonly type: 'paid'; readonly remaining: number }
  | { readonly type: 'empty'; readonly waitMs: number }
);

/** Token buckets, one per endpoint set and scope (a project, an organization or a credential). */
export interface RateLimits {
  charge(endpointSet: string, scope: string): Charge;
  sizeOf(endpointSet: string): BucketSize;
  /** Empties one bucket, as if others had used it up. */
  drain(endpointSet: string, scope: string): void;
}

interface Level {
  tokens: number;
  countedAt: number;
}

const MAX_BUCKETS = 10_000;

export function createRateLimits(sizes: BucketSizes, { clock }: { clock: Clock }): RateLimits {
  const levels = new Map<string, Level>();
  const sizeOf = (endpointSet: string) => sizes[endpointSet] ?? bucketSizeOf(endpointSet);

  function level(endpointSet: string, scope: string): Level {
    const { capacity, refill, perMs } = sizeOf(endpointSet);
    const key = `${endpointSet} ${scope}`;
    const now = clock.now();
    const found = levels.get(key) ?? { tokens: capacity, countedAt: now };
    found.tokens = Math.min(capacity, found.tokens + ((now - found.countedAt) * refill) / perMs);
    found.countedAt = now;
    const [oldest] = levels.keys();
    if (levels.size >= MAX_BUCKETS && oldest !== undefined) levels.delete(oldest);
    levels.set(key, found);
    return found;
  }

  return {
    sizeOf,
    charge(endpointSet, scope) {
      const size = sizeOf(endpointSet);
      const bucket = level(endpointSet, scope);
      if (bucket.tokens < 1)
        return { type: 'empty', size, waitMs: ((1 - bucket.tokens) * size.perMs) / size.refill };
      bucket.tokens -= 1;
      return { type: 'paid', size, remaining: Math.floor(bucket.tokens) };
    },
    drain(endpointSet, scope) {
      level(endpointSet, scope).tokens = 0;
    },
  };
}

/** The 429 of an empty bucket. Whole seconds, rounded down: Atlas has been seen to advise a wait of 0. */
export function rateLimitedAnswer(
  path: string,
  { capacity, refill, perMs }: BucketSize,
  retryAfter: string | number,
): Answer {
  const resource = path.replace(/^\//, '');
  const seconds = perMs / 1_000;
  const advised = typeof retryAfter === 'number' ? retryAfter : Number.parseInt(retryAfter, 10) || 0;
  const detail =
    `Rate limit exceeded for ${resource}. Please retry after ${advised} seconds. Request capacity: ${capacity}. ` +
    `Refill rate: ${refill} per ${seconds} seconds. For more information, see: http://dochub.mongodb.org/core/atlas-api-rate-limit.`;
  return errorAnswer(
    {
      status: 429,
      errorCode: 'RATE_LIMITED_TOKEN_BUCKET',
      detail,
      parameters: [resource, advised, capacity, refill, seconds],
    },
    { 'Retry-After': String(retryAfter), 'RateLimit-Limit': String(capacity), 'RateLimit-Remaining': '0' },
  );
}
