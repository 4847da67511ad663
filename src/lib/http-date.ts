/** Epoch milliseconds of an HTTP date (RFC 9110 section 5.6.7, also with a single-digit day, as in Atlas's `Sunset`), or undefined. */
export function parseHttpDate(text: string): number | undefined {
  if (!/^[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}
