/** What is found at the end of a path. */
export interface Route<Value> {
  /** Template such as `/groups/{groupId}/sandbox/{configId}:describe`: a parameter is a segment, or a segment up to its verb. */
  readonly path: string;
  readonly value: Value;
}

/** A parameter of a template. */
export interface PathParameter {
  readonly name: string;
  /** Index of its segment. */
  readonly segment: number;
  /** Length of the verb that follows the value. */
  readonly verbLength: number;
}

interface Branch<Value> {
  readonly literals: Map<string, Branch<Value>>;
  /** Parameters that are followed by a verb, by this verb. */
  readonly verbs: Map<string, Branch<Value>>;
  parameter?: Branch<Value>;
  route?: Route<Value>;
}

const TEMPLATE_SEGMENT = /^\{(\w+)\}(:\w+)?$/;

/** The segments of a path without its leading slash. */
export const segmentsOf = (path: string): readonly string[] => path.slice(1).split('/');

/** The parameters of a template, in the order of the path. */
export const parametersOf = (path: string): PathParameter[] =>
  segmentsOf(path).flatMap((text, segment) => {
    const [, name, verb = ''] = TEMPLATE_SEGMENT.exec(text) ?? [];
    return name === undefined ? [] : [{ name, segment, verbLength: verb.length }];
  });

const createBranch = <Value>(): Branch<Value> => ({ literals: new Map(), verbs: new Map() });

function childOf<Value>(children: Map<string, Branch<Value>>, key: string): Branch<Value> {
  const child = children.get(key) ?? createBranch<Value>();
  children.set(key, child);
  return child;
}

/** The branch for one more segment of a template; created if it does not exist. */
function grow<Value>(branch: Branch<Value>, segment: string): Branch<Value> {
  const parameter = TEMPLATE_SEGMENT.exec(segment);
  if (parameter === null) return childOf(branch.literals, segment);
  const [, , verb] = parameter;
  if (verb !== undefined) return childOf(branch.verbs, verb);
  branch.parameter ??= createBranch();
  return branch.parameter;
}

/** The branch of a parameter with a verb, if the segment ends with one that is known there. An escaped colon belongs to the value. */
function verbBranch<Value>({ verbs }: Branch<Value>, segment: string): Branch<Value> | undefined {
  if (verbs.size === 0) return undefined;
  const colon = segment.lastIndexOf(':');
  return colon <= 0 ? undefined : verbs.get(segment.slice(colon));
}

/** The value that `segments` lead to. If a literal branch has no match, the parameter branches of the same node are tried. */
function find<Value>(branch: Branch<Value>, segments: readonly string[], index: number): Value | undefined {
  const segment = segments[index];
  if (segment === undefined) return branch.route?.value;
  const literal = branch.literals.get(segment);
  const found = literal === undefined ? undefined : find(literal, segments, index + 1);
  if (found !== undefined || segment === '') return found;
  const next = verbBranch(branch, segment) ?? branch.parameter;
  return next === undefined ? undefined : find(next, segments, index + 1);
}

/** Finds the value of the route that the segments of a path match; literal segments take precedence over parameters. */
export type FindRoute<Value> = (segments: readonly string[]) => Value | undefined;

/** A tree of path segments: the cost of a lookup grows with the path, not with the number of routes. Throws if two have the same path. */
export function createPathTree<Value>(routes: readonly Route<Value>[]): FindRoute<Value> {
  const root = createBranch<Value>();
  for (const route of routes) {
    const branch = segmentsOf(route.path).reduce<Branch<Value>>(grow, root);
    if (branch.route !== undefined)
      throw new Error(`${branch.route.path} and ${route.path} are the same path`);
    branch.route = route;
  }
  return (segments) => find(root, segments, 0);
}
