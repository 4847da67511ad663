// References within an OpenAPI description.

/** The node that `$ref` leads to, or the node itself. */
export function resolve(description, node) {
  if (typeof node?.$ref !== 'string') return node;
  return node.$ref
    .slice(2)
    .split('/')
    .reduce((at, part) => at[part], description);
}
