/** One version of an operation: its date, or `preview`, and the day from which Atlas answers 410. */
export interface OperationVersion {
  readonly name: string;
  readonly sunset?: string;
}

/** A query or path parameter in the catalog. */
export interface Parameter {
  readonly name: string;
  readonly type: 'boolean' | 'integer' | 'string' | 'array';
  readonly required?: boolean;
  readonly default?: string | number | boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly enum?: readonly string[];
}

/** One paginated GET operation of the Atlas Administration API v2. */
export interface Operation {
  /** Operation id as in Atlas's OpenAPI description, such as `listGroupStreamPrivateLinkConnections`. */
  readonly id: string;
  /** The older name that the Atlas CLI and older SDKs use. */
  readonly alias?: string;
  /** Path template with `{groupId}` and the like. */
  readonly path: string;
  readonly tag: string;
  /** Oldest first; `preview` last. */
  readonly versions: readonly OperationVersion[];
  readonly pathParameters: readonly Parameter[];
  readonly queryParameters: readonly Parameter[];
  /** The endpoint set, which is the rate-limit bucket that Atlas charges. */
  readonly endpointSet: string;
  /** Lists with secrets or personal data are readable only by callers whose policy names them. */
  readonly sensitivity: 'open' | 'secret' | 'personal';
  /** `whole`: cached as one listing. `page`: unbounded or too long, cached page by page. */
  readonly cacheUnit: 'whole' | 'page';
}

/** A path that matches an operation, with its decoded path parameters. */
export interface Match {
  readonly type: 'matched';
  readonly operation: Operation;
  readonly pathParameters: Readonly<Record<string, string>>;
}

/** The result of matching a path. `bad-parameter`: the path matches an operation, but a path parameter is invalid. */
export type Matched =
  | Match
  | { readonly type: 'unknown' }
  | { readonly type: 'bad-parameter'; readonly name: string; readonly detail: string };

/** The list operations that the gateway supports, with lookup by name and by path. */
export interface Catalog {
  readonly operations: readonly Operation[];
  /** The operation with this id or alias. */
  find(name: string): Operation | undefined;
  /** The operation of a raw path; literal segments take precedence over parameters. The cost grows with the path, not with the catalog. */
  match(path: string): Matched;
}

interface Branch {
  readonly literals: Map<string, Branch>;
  parameter?: Branch;
  operation?: Operation;
}

const MAX_VALUE_LENGTH = 256;
const CONTROL = /\p{Cc}/u;
/** Characters of a segment (RFC 3986 `pchar`). A `;` is forwarded percent-encoded, so that no server reads it as a matrix parameter. */
const SEGMENT = /^[\w.~!$&'()*+,;=:@%-]*$/;
const isParameter = (segment: string) => segment.startsWith('{');

function buildTree(operations: readonly Operation[]): Branch {
  const root: Branch = { literals: new Map() };
  for (const operation of operations) {
    let branch = root;
    for (const segment of operation.path.slice(1).split('/')) {
      const literal = isParameter(segment) ? undefined : segment;
      const next: Branch = (literal === undefined ? branch.parameter : branch.literals.get(literal)) ?? {
        literals: new Map(),
      };
      if (literal === undefined) branch.parameter = next;
      else branch.literals.set(literal, next);
      branch = next;
    }
    if (branch.operation !== undefined)
      throw new Error(`${branch.operation.id} and ${operation.id} have the same path`);
    branch.operation = operation;
  }
  return root;
}

/** The operation that `segments` lead to. If a literal branch has no match, the parameter branch of the same node is tried. */
function findOperation(branch: Branch, segments: readonly string[], index: number): Operation | undefined {
  const segment = segments[index];
  if (segment === undefined) return branch.operation;
  const literal = branch.literals.get(segment);
  const found = literal === undefined ? undefined : findOperation(literal, segments, index + 1);
  if (found !== undefined || branch.parameter === undefined || segment === '') return found;
  return findOperation(branch.parameter, segments, index + 1);
}

/** Decodes a segment once; undefined if it is malformed or contains path syntax. */
function decodeSegment(segment: string): string | undefined {
  if (!SEGMENT.test(segment)) return undefined;
  try {
    const value = decodeURIComponent(segment);
    return value === '.' ||
      value === '..' ||
      /[/\\]/.test(value) ||
      CONTROL.test(value) ||
      value.length > MAX_VALUE_LENGTH
      ? undefined
      : value;
  } catch {
    return undefined;
  }
}

/** Builds the catalog: one tree of path segments, and one compiled pattern per parameter. */
export function createCatalog(operations: readonly Operation[]): Catalog {
  const root = buildTree(operations);
  const byName = new Map<string, Operation>();
  for (const operation of operations)
    if (operation.alias !== undefined) byName.set(operation.alias, operation);
  for (const operation of operations) byName.set(operation.id, operation);
  const patterns = new Map(
    operations.flatMap(({ pathParameters }) =>
      pathParameters.flatMap(({ pattern }) =>
        pattern === undefined ? [] : [[pattern, new RegExp(pattern)] as const],
      ),
    ),
  );

  return {
    operations,
    find: (name) => byName.get(name),
    match(path) {
      if (!path.startsWith('/')) return { type: 'unknown' };
      const segments = path.slice(1).split('/');
      const operation = findOperation(root, segments, 0);
      if (operation === undefined) return { type: 'unknown' };
      const pathParameters: Record<string, string> = {};
      const template = operation.path.slice(1).split('/');
      for (const [index, part] of template.entries()) {
        if (!isParameter(part)) continue;
        const name = part.slice(1, -1);
        const value = decodeSegment(segments[index] ?? '');
        if (value === undefined)
          return { type: 'bad-parameter', name, detail: `${name} in the path is not a well-formed value.` };
        const rule = operation.pathParameters.find((parameter) => parameter.name === name);
        if (rule?.pattern !== undefined && patterns.get(rule.pattern)?.test(value) !== true) {
          return { type: 'bad-parameter', name, detail: `${name} in the path must match ${rule.pattern}.` };
        }
        if (rule?.enum !== undefined && !rule.enum.includes(value)) {
          return {
            type: 'bad-parameter',
            name,
            detail: `${name} in the path must be one of ${rule.enum.join(', ')}.`,
          };
        }
        pathParameters[name] = value;
      }
      return { type: 'matched', operation, pathParameters };
    },
  };
}

/**
 * The canonical path of an operation, each parameter encoded once, for upstream requests and cache keys. Throws if a parameter is missing.
 */
export const targetPath = (operation: Operation, pathParameters: Readonly<Record<string, string>>): string =>
  operation.path.replace(/\{([^}]+)\}/g, (_whole, name: string) => {
    const value = pathParameters[name];
    if (value === undefined) throw new Error(`${operation.id} needs the path parameter ${name}`);
    return encodeURIComponent(value);
  });
