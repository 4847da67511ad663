import { LRUCache } from 'lru-cache';
import Negotiator from 'negotiator';

/** The codings of responses, in the order of preference among equal weights. */
const CODINGS = ['br', 'gzip', 'identity'] as const;
type Coding = (typeof CODINGS)[number];

/** The package's type declarations lack the documented option `preferred`. */
interface EncodingNegotiator {
  encoding(
    available: readonly string[],
    options: { readonly preferred: readonly string[] },
  ): string | undefined;
}

/** Clients send short values; a longer one costs time and memory and is answered without a coding. */
const MAX_LENGTH = 512;
/** The results for the last values: clients send few different ones. */
const chosen = new LRUCache<string, Coding>({ max: 256 });

/**
 * The content coding with the highest weight in an `Accept-Encoding` value (RFC 9110 section 12.5.3). `identity` if nothing is acceptable:
 * a response that the client may be able to read is better than none.
 */
export function chooseCoding(acceptEncoding: string | undefined): Coding {
  if (acceptEncoding === undefined || acceptEncoding.length > MAX_LENGTH) return 'identity';
  const known = chosen.get(acceptEncoding);
  if (known !== undefined) return known;
  const coding = negotiate(acceptEncoding);
  chosen.set(acceptEncoding, coding);
  return coding;
}

function negotiate(acceptEncoding: string): Coding {
  const negotiator: EncodingNegotiator = new Negotiator({ headers: { 'accept-encoding': acceptEncoding } });
  const preferred = negotiator.encoding(CODINGS, { preferred: CODINGS });
  return CODINGS.find((coding) => coding === preferred) ?? 'identity';
}

/** Whether `If-None-Match` matches an entity tag by weak comparison (RFC 9110 section 13.1.2). */
export function matchesEtag(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch === etag) return true;
  // Most long values do not contain the tag: they are not taken apart.
  if (!ifNoneMatch.includes(etag)) return ifNoneMatch.trim() === '*';
  return ifNoneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}
