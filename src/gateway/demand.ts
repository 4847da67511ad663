import { type Demand, NO_DEMAND } from '../cache/list-cache.ts';

const DIRECTIVE = /(?:^|,)\s*([a-z-]+)(?:=(?:"(\d{1,9})"|(\d{1,9})))?\s*(?=,|$)/gi;
/** `max-stale` without a value accepts any age (RFC 9111 section 5.2.1.2). */
const ANY_AGE_MS = Number.MAX_SAFE_INTEGER;

/** What the request's `Cache-Control` and `Pragma` demand (RFC 9111 section 5.2.1). Directives that a shared answer cannot meet are left out. */
export function readDemand(cacheControl: string | undefined, pragma: string | undefined): Demand {
  if (cacheControl === undefined)
    return pragma?.toLowerCase() === 'no-cache' ? { ...NO_DEMAND, noCache: true } : NO_DEMAND;
  let demand: Demand = NO_DEMAND;
  for (const [, name = '', quoted, plain] of cacheControl.slice(0, 512).matchAll(DIRECTIVE)) {
    const seconds = quoted ?? plain;
    switch (name.toLowerCase()) {
      case 'no-cache':
        demand = { ...demand, noCache: true };
        break;
      case 'only-if-cached':
        demand = { ...demand, onlyIfCached: true };
        break;
      case 'max-age':
        // `max-age=0` is how browsers and fetch say no-cache.
        if (seconds !== undefined)
          demand =
            Number(seconds) === 0
              ? { ...demand, noCache: true }
              : { ...demand, maxAgeMs: Number(seconds) * 1_000 };
        break;
      case 'max-stale':
        demand = { ...demand, maxStaleMs: seconds === undefined ? ANY_AGE_MS : Number(seconds) * 1_000 };
        break;
    }
  }
  return demand;
}
