import type { Items } from './list-parser.ts';

const ATLAS_LINK = /("href"\s*:\s*")https?:\/\/[^/"\\]*(\/api\/atlas\/[^"\\?#]*)/g;
const HREF = Buffer.from('"href"');

/** Where links lead. */
export interface LinkTarget {
  /** Scheme and host. */
  readonly origin: string;
  /** Whether a path, encoded and without its query, is served there. */
  readonly isServed: (path: string) => boolean;
}

/**
 * Rewrites links to the Atlas API, whatever their host, so that they point to `origin` if their path is served there. All other bytes stay
 * unchanged; items without such links are returned as they are.
 */
export function rewriteLinks({ origin, isServed }: LinkTarget, items: Items): Items {
  if (!items.bytes.includes(HREF)) return items;
  const count = items.starts.length - 1;
  const starts = new Uint32Array(items.starts.length);
  const parts: string[] = [];
  const rewrite = (link: string, opening: string, path: string) =>
    isServed(path) ? `${opening}${origin}${path}` : link;
  let at = 0;
  for (let index = 0; index < count; index++) {
    const item = items.bytes.toString('latin1', items.starts[index], (items.starts[index + 1] ?? 0) - 1);
    // The pattern cannot match an escaped quote, so text inside a JSON string that merely looks like a link stays unchanged.
    const part = item.replace(ATLAS_LINK, rewrite);
    starts[index] = at;
    at += part.length + 1;
    parts.push(part);
  }
  starts[count] = at;
  const joined = Buffer.from(parts.join(','), 'latin1');
  const bytes = Buffer.allocUnsafeSlow(joined.length);
  joined.copy(bytes);
  return { bytes, starts };
}
