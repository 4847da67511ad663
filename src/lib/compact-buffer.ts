/**
 * Copies bytes to memory of their exact size. A small buffer is a view of a shared slab, and zlib output is the start of a larger buffer;
 * a view keeps the whole slab or buffer in memory.
 */
export function compactBuffer(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

/** Copies Latin-1 characters to memory of their own: a substring of a header would keep the whole header in memory. */
export const compactText = (text: string): string => Buffer.from(text, 'latin1').toString('latin1');
