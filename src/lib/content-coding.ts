/** Whether an `Accept-Encoding` value accepts a coding (RFC 9110 section 12.5.3): named with a weight over 0, or covered by `*`. */
function accepts(value: string, coding: string): boolean {
  const ranges = value
    .toLowerCase()
    .split(',')
    .map((range) => range.split(';').map((part) => part.trim()));
  const found = ranges.find(([name]) => name === coding) ?? ranges.find(([name]) => name === '*');
  return found !== undefined && !found.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
}

/** The content coding for the response: `br` is preferred to `gzip`, and `gzip` to none. */
export function chooseCoding(acceptEncoding: string | undefined): 'br' | 'gzip' | 'identity' {
  if (acceptEncoding === undefined) return 'identity';
  const value = acceptEncoding.slice(0, 512);
  if (accepts(value, 'br')) return 'br';
  return accepts(value, 'gzip') ? 'gzip' : 'identity';
}

/** Whether `If-None-Match` matches an entity tag by weak comparison (RFC 9110 section 13.1.2). */
export function matchesEtag(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch === etag) return true;
  const tags = ifNoneMatch
    .slice(0, 2_048)
    .split(',')
    .map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes('*') || tags.includes(etag);
}
