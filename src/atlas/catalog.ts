import { createMatchPattern, decodeSegment, type MatchPattern, problemOf } from './path-parameter.ts';
import { createPathTree, type PathParameter, parametersOf, segmentsOf } from './path-tree.ts';

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

/**
 * How an operation answers. `list`: paginated. `element`: one item of a list. `array`: a JSON array. `unpaged-list`: `results` without pages.
 * `document`: any other JSON.
 */
export type OperationKind = 'list' | 'element' | 'array' | 'unpaged-list' | 'document';

/** Where the list of an element contains it. */
export interface ElementOfList {
  /** Operation id of the list. */
  readonly list: string;
  /** The path parameter that identifies the element; several that belong together are joined by `+`. */
  readonly idParameter: string;
  /** The field of the item with the same value; several are joined by `+`, alternatives separated by `|`. */
  readonly itemField: string;
  /** Versions in which recordings show item and element equal. */
  readonly recordedVersions: readonly string[];
}

/** One GET operation of the Atlas Administration API v2 that answers JSON. */
export interface Operation {
  readonly kind: OperationKind;
  /** For documents; true if the body is a boolean, a number or a string, and not an object. */
  readonly scalar?: true;
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
  /** Headers that change the representation, such as `Use-Effective-Instance-Fields`. */
  readonly headerParameters: readonly Parameter[];
  /** For elements only; undefined if the path does not determine the list. */
  readonly element?: ElementOfList;
  /** The endpoint set, which is the rate-limit bucket that Atlas charges. */
  readonly endpointSet: string;
  /** Operations with secrets, personal data or billing data are readable only by callers whose policy names them. */
  readonly sensitivity: 'open' | 'secret' | 'personal' | 'billing';
  /** For lists; `whole`: cached as one listing. `page`: unbounded or too long, cached page by page. */
  readonly cacheUnit: 'whole' | 'page';
}

/** A GET operation that the gateway does not serve: its response is a file, or its request has a body. */
export interface UnservedOperation {
  readonly id: string;
  readonly alias?: string;
  readonly path: string;
  readonly reason: 'download' | 'takes-body';
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

/** The operations that the gateway serves, with lookup by name and by path. */
export interface Catalog {
  readonly operations: readonly Operation[];
  /** The operation with this id or alias. */
  find(name: string): Operation | undefined;
  /** The operation of a raw path; literal segments take precedence over parameters. The cost grows with the path, not with the catalog. */
  match(path: string): Matched;
}

/** A path parameter of an operation: where its value is, and what it must match. */
interface CheckedParameter extends PathParameter {
  readonly rule: Parameter | undefined;
  readonly matchPattern: MatchPattern | undefined;
}

/** An operation with its path parameters, prepared for matching. */
interface Target {
  readonly operation: Operation;
  readonly parameters: readonly CheckedParameter[];
}

function targetOf(operation: Operation): Target {
  const parameters = parametersOf(operation.path).map((parameter): CheckedParameter => {
    const rule = operation.pathParameters.find(({ name }) => name === parameter.name);
    return {
      ...parameter,
      rule,
      matchPattern: rule?.pattern === undefined ? undefined : createMatchPattern(rule.pattern),
    };
  });
  return { operation, parameters };
}

/** Decodes and checks the path parameters of an operation. */
function matchParameters({ operation, parameters }: Target, segments: readonly string[]): Matched {
  const pathParameters: Record<string, string> = {};
  for (const { name, segment, verbLength, matchPattern, rule } of parameters) {
    const text = segments[segment] ?? '';
    const value = decodeSegment(verbLength === 0 ? text : text.slice(0, -verbLength));
    if (value === undefined)
      return { type: 'bad-parameter', name, detail: `${name} in the path is not a well-formed value.` };
    const problem = rule && problemOf(rule, matchPattern, value);
    if (problem !== undefined) return { type: 'bad-parameter', name, detail: problem };
    pathParameters[name] = value;
  }
  return { type: 'matched', operation, pathParameters };
}

/** Builds the catalog: one tree of path segments, with a compiled pattern per parameter. */
export function createCatalog(operations: readonly Operation[]): Catalog {
  const findTarget = createPathTree(operations.map((one) => ({ path: one.path, value: targetOf(one) })));
  const byName = new Map<string, Operation>();
  for (const operation of operations)
    if (operation.alias !== undefined) byName.set(operation.alias, operation);
  for (const operation of operations) byName.set(operation.id, operation);

  return {
    operations,
    find: (name) => byName.get(name),
    match(path) {
      if (!path.startsWith('/')) return { type: 'unknown' };
      const segments = segmentsOf(path);
      const target = findTarget(segments);
      return target === undefined ? { type: 'unknown' } : matchParameters(target, segments);
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
