import { MAX_ERROR_BYTES } from '../../atlas/api-error.ts';
import { type BucketSize, endpointSetOf } from '../../atlas/rate-limit-buckets.ts';
import { parseBoundedJson } from '../../lib/bounded-json.ts';
import { isRecord } from '../../lib/record.ts';
import type { UpstreamResponse } from '../message.ts';

const MAX_TOKENS = 10_000_000;
/** Atlas has about a hundred endpoint sets, of a few hundred bytes each. */
const MAX_LIMITS_BYTES = 1_048_576;
const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 1 && value <= MAX_TOKENS;

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

/** The limit in force, which may differ from the default in the same object. */
const limitInForce = (limit: unknown): unknown => (isRecord(limit) ? limit['value'] : undefined);

interface DescribedEndpoint {
  /** The endpoint's path template. */
  readonly path: string;
  readonly size: BucketSize;
}

/** The endpoints of one of Atlas's endpoint sets that the gateway may read. */
function endpointsOf(set: unknown): readonly DescribedEndpoint[] {
  if (!isRecord(set)) return [];
  const { capacity, refillRate, refillDurationSeconds, endpoints } = set;
  const size = sizeOf(limitInForce(capacity), limitInForce(refillRate), limitInForce(refillDurationSeconds));
  if (size === undefined || !Array.isArray(endpoints)) return [];
  return endpoints.flatMap((endpoint) => {
    const { method, path } = isRecord(endpoint) ? endpoint : {};
    return method === 'GET' && typeof path === 'string' ? [{ path, size }] : [];
  });
}

/**
 * Bucket sizes by endpoint set in a response of `GET /rateLimits`, in the format of Atlas's OpenAPI description. Atlas names its sets for
 * people, so they are recognized by their endpoints; where several of them share a bucket of the gateway, the one with the shortest path
 * decides, which is that of the resource itself.
 */
export function readRateLimits({ status, body }: UpstreamResponse): ReadonlyMap<string, BucketSize> {
  const page = status === 200 ? parseBoundedJson(body, MAX_LIMITS_BYTES) : undefined;
  const sets = isRecord(page) && Array.isArray(page['results']) ? page['results'] : [];
  const longestFirst = sets.flatMap(endpointsOf).sort((one, other) => other.path.length - one.path.length);
  return new Map(longestFirst.map(({ path, size }) => [endpointSetOf(path), size]));
}
