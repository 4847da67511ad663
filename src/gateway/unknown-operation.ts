import type { Operation, UnservedOperation } from '../atlas/catalog.ts';
import { createPathTree, segmentsOf } from '../atlas/path-tree.ts';
import { suggest } from '../lib/suggest.ts';
import { type GatewayError, gatewayError } from './gateway-error.ts';

const ROOT = '/api/atlas/v2';
/** Longer paths are not compared with the catalog. */
const MAX_SEGMENTS = 16;
/** Correcting a name takes a comparison with every name of the catalog. */
const MAX_CORRECTED = 4;
const DESCRIBED = '/openapi.json describes all that is served.';

const WRITE =
  'This gateway is read-only and does not serve this path. Send writes to Atlas itself, with credentials of your own.';
const NOT_THIS_API = `This gateway serves only the Atlas Administration API v2, whose paths begin with ${ROOT}. ${DESCRIBED}`;
const WHY_UNSERVED = {
  download: 'is a download, and downloads are not served by this gateway. Request it from Atlas itself.',
  'takes-body': 'takes a body, which requests to this gateway cannot have. Request it from Atlas itself.',
} as const;

/** Names of resources consist of these; ids do not. */
const NAME = /^[A-Za-z]{3,32}$/;
/** What the segments of the root are worth, which every path has. */
const ROOT_LIKENESS = 9;

/** How much a path is like a template: an equal name counts more than a parameter, which every value fits. */
function likenessOf(template: readonly string[], segments: readonly string[]): number {
  let likeness = -2 * Math.abs(template.length - segments.length);
  for (const [index, segment] of template.entries()) {
    const given = segments[index];
    if (given === undefined) break;
    if (segment === given) likeness += 3;
    else likeness += segment.startsWith('{') ? 1 : -2;
  }
  return likeness;
}

/** Finds the operation of a path among those that Atlas has and the gateway does not serve. */
export function createUnservedLookup(
  unserved: readonly UnservedOperation[],
): (path: string) => UnservedOperation | undefined {
  const find = createPathTree(unserved.map((value) => ({ path: value.path, value })));
  return (path) => find(segmentsOf(path));
}

/** Explains why a path is not served; never with 404, which clients interpret as "deleted". */
export function createUnknownOperation(
  operations: readonly Operation[],
  findUnserved: (path: string) => UnservedOperation | undefined,
): (method: string, path: string) => GatewayError {
  const templates = operations.map(({ id, path }) => ({ id, path, segments: segmentsOf(path) }));
  const names = new Set(
    templates.flatMap(({ segments }) => segments.filter((segment) => NAME.test(segment))),
  );

  const isMisspelt = (segment: string) => NAME.test(segment) && !names.has(segment);

  /** The segments of a path, with misspelt names of resources corrected if there are only a few. */
  function corrected(segments: readonly string[]): readonly string[] {
    const misspelt = segments.filter(isMisspelt);
    if (misspelt.length === 0 || misspelt.length > MAX_CORRECTED) return segments;
    return segments.map((segment) => (isMisspelt(segment) ? (suggest(segment, names) ?? segment) : segment));
  }

  /** The served operation whose path is most like this one. */
  function nearest(segments: readonly string[]) {
    let best: { readonly id: string; readonly path: string } | undefined;
    let most = ROOT_LIKENESS;
    const spelt = corrected(segments);
    for (const template of templates) {
      const likeness = likenessOf(template.segments, spelt);
      if (likeness <= most) continue;
      [best, most] = [template, likeness];
    }
    return best;
  }

  function detailOf(method: string, path: string): string {
    if (method !== 'GET' && method !== 'HEAD') return WRITE;
    const known = findUnserved(path);
    if (known !== undefined) return `${known.id} ${WHY_UNSERVED[known.reason]}`;
    if (path !== ROOT && !path.startsWith(`${ROOT}/`)) return NOT_THIS_API;
    const segments = segmentsOf(path);
    const similar = segments.length > MAX_SEGMENTS ? undefined : nearest(segments);
    const hint =
      similar === undefined ? '' : ` The most similar path is that of ${similar.id}: ${similar.path}.`;
    return `Atlas has no read at this path that this gateway knows.${hint} ${DESCRIBED}`;
  }

  return (method, path) => gatewayError('UNKNOWN_OPERATION', detailOf(method, path));
}
