import { MAX_ERROR_BYTES } from '../../atlas/api-error.ts';
import type { BucketSize } from '../../atlas/rate-limit-buckets.ts';
import { parseBoundedJson } from '../../lib/bounded-json.ts';
import type { UpstreamResponse } from '../message.ts';

const MAX_TOKENS = 10_000_000;
/** Atlas has about a hundred endpoint sets, of a few hundred bytes each. */
const MAX_LIMITS_BYTES = 1_048_576;
const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 1 && value <= MAX_TOKENS;
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const sizeOf = (capacity: unknown, refill: unknown, seconds: unknown): BucketSize | undefined =>
  isCount(capacity) && isCount(refill) && isCount(seconds)
    ? { capacity, refill, perMs: seconds * 1_000 }
    : undefined;

/** The bucket size in the body of a 429: the parameters are path, seconds to wait, capacity, refill and refill seconds [recorded]. */
export function bucketOf429({ body }: UpstreamResponse): BucketSize | undefined {
  const error = parseBoundedJson(body, MAX_ERROR_BYTES);
  if (!isRecord(error) || !Array.isArray(error['parameters'])) return undefined;
  const [, , capacity, refill, seconds] = error['parameters'];
  return sizeOf(capacity, refill, seconds);
}

/** The count in a header such as `RateLimit-Remaining`; undefined if it is missing or invalid. */
export function readCount(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,8}$/.test(text) ? Number(text) : undefined;
}

const normalize = (name: string) => name.toLowerCase().replace(/[^a-z]/g, '');

/**
 * Bucket sizes by endpoint set in a response of `GET /rateLimits`. No recording shows this body: that an item has a `name`, and `capacity`,
 * `refillRate` and `refillDurationSeconds` directly or in a nested object, is [inferred]; items of another form are skipped.
 */
export function readRateLimits({ status, body }: UpstreamResponse): ReadonlyMap<string, BucketSize> {
  const found = new Map<string, BucketSize>();
  const page = status === 200 ? parseBoundedJson(body, MAX_LIMITS_BYTES) : undefined;
  if (!isRecord(page) || !Array.isArray(page['results'])) return found;
  for (const item of page['results']) {
    if (!isRecord(item)) continue;
    const name = item['name'];
    if (typeof name !== 'string') continue;
    for (const one of [item, ...Object.values(item).filter(isRecord)]) {
      const size = sizeOf(one['capacity'], one['refillRate'], one['refillDurationSeconds']);
      if (size !== undefined) found.set(normalize(name), size);
    }
  }
  return found;
}

/** The bucket size of an endpoint set in the result of `readRateLimits`. */
export const limitOf = (
  limits: ReadonlyMap<string, BucketSize>,
  endpointSet: string,
): BucketSize | undefined => limits.get(normalize(endpointSet));
