import type { Items } from './list-parser.ts';

const ATLAS_LINK = /("href"\s*:\s*")https?:\/\/[^/"\\]*(?=\/api\/atlas\/)/g;
const HREF = Buffer.from('"href"');

/**
 * Rewrites links to the Atlas API, whatever their host, so that they point to `origin`. All other bytes stay unchanged; items without such
 * links are returned as they are.
 */
export function rewriteLinks(origin: string, items: Items): Items {
  if (!items.bytes.includes(HREF)) return items;
  const count = items.starts.length - 1;
  const starts = new Uint32Array(items.starts.length);
  const parts: string[] = [];
  let at = 0;
  for (let index = 0; index < count; index++) {
    const item = items.bytes.toString('latin1', items.starts[index], (items.starts[index + 1] ?? 0) - 1);
    // The pattern cannot match an escaped quote, so text inside a JSON string that merely looks like a link stays unchanged.
    const part = item.replace(ATLAS_LINK, `$1${origin}`);
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
