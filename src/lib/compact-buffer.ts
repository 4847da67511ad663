/**
 * The same bytes in memory of their own, no more than they need: a small buffer is a view of a slab that it shares with others, and what
 * zlib gives is the beginning of a larger one, which is kept as a whole for as long as the view is.
 */
export function compactBuffer(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

/** The same Latin-1 characters in memory of their own: what is cut out of a header keeps the whole header for as long as it is kept. */
export const compactText = (text: string): string => Buffer.from(text, 'latin1').toString('latin1');
