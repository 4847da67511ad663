/**
 * The value of a JSON text of at most `maxBytes`; undefined where it is not JSON. Longer ones are not parsed: as objects they take many times
 * their bytes.
 */
export function parseBoundedJson(text: Buffer, maxBytes: number): unknown {
  if (text.length > maxBytes) return undefined;
  try {
    return JSON.parse(text.toString('utf8'));
  } catch {
    return undefined;
  }
}
