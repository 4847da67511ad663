/**
 * The same bytes in memory of their own, no more than they need: a small buffer is a view of a slab that it shares with others, and what
 * zlib gives is the beginning of a larger one, which is kept as a whole for as long as the view is.
 */
export function exactCopy(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}
