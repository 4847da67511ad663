/**
 * The value of a JSON text of at most `maxBytes`; undefined if it is longer or not JSON. Longer texts are not parsed, because objects take
 * many times the bytes of their text.
 */
export function parseBoundedJson(text: Buffer, maxBytes: number): unknown {
  if (text.length > maxBytes) return undefined;
  try {
    return JSON.parse(text.toString('utf8'));
  } catch {
    return undefined;
  }
}
