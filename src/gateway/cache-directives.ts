import { type CacheDirectives, NO_DIRECTIVES } from '../cache/decide.ts';

/** Matches the parts of a header value between commas outside quoted strings (RFC 9110 section 5.6.4). */
const BETWEEN_COMMAS = /(?:[^,"]|"(?:\\.|[^"\\])*"?)+/g;
const DIRECTIVE = /^([a-z-]+)(?:=(?:"(\d{1,9})"|(\d{1,9})))?$/i;
/** The rest of a longer value is ignored. */
const MAX_LENGTH = 512;
/** `max-stale` without a value accepts any age (RFC 9111 section 5.2.1.2). */
const ANY_AGE_MS = Number.MAX_SAFE_INTEGER;

/** Parses `Cache-Control` and `Pragma` of a request (RFC 9111 section 5.2.1). Ignores directives that a shared response cannot honor. */
export function parseCacheDirectives(
  cacheControl: string | undefined,
  pragma: string | undefined,
): CacheDirectives {
  if (cacheControl === undefined)
    return pragma?.toLowerCase() === 'no-cache' ? { ...NO_DIRECTIVES, noCache: true } : NO_DIRECTIVES;
  let directives: CacheDirectives = NO_DIRECTIVES;
  for (const part of cacheControl.slice(0, MAX_LENGTH).match(BETWEEN_COMMAS) ?? []) {
    const [, name = '', quoted, plain] = DIRECTIVE.exec(part.trim()) ?? [];
    const seconds = quoted ?? plain;
    switch (name.toLowerCase()) {
      case 'no-cache':
        directives = { ...directives, noCache: true };
        break;
      case 'only-if-cached':
        directives = { ...directives, onlyIfCached: true };
        break;
      case 'max-age':
        // Browsers and fetch send `max-age=0` to mean no-cache.
        if (seconds !== undefined)
          directives =
            Number(seconds) === 0
              ? { ...directives, noCache: true }
              : { ...directives, maxAgeMs: Number(seconds) * 1_000 };
        break;
      case 'max-stale':
        directives = {
          ...directives,
          maxStaleMs: seconds === undefined ? ANY_AGE_MS : Number(seconds) * 1_000,
        };
        break;
    }
  }
  return directives;
}
