// References within an OpenAPI description.
import { problem } from './problem.mjs';

const unescaped = (part) => part.replaceAll('~1', '/').replaceAll('~0', '~');

function target(description, reference, where) {
  if (!reference.startsWith('#/')) throw problem(where, `$ref ${reference} leads out of the description`);
  let node = description;
  for (const part of reference.slice(2).split('/').map(unescaped)) {
    if (typeof node !== 'object' || node === null || !Object.hasOwn(node, part))
      throw problem(where, `$ref ${reference} leads nowhere`);
    node = node[part];
  }
  return node;
}

/** The node that `$ref` leads to, or the node itself. Throws if there is none, or if it leads in a circle. */
export function resolve(description, node, where) {
  const followed = new Set();
  let at = node;
  while (typeof at?.$ref === 'string') {
    if (followed.has(at.$ref)) throw problem(where, `$ref ${at.$ref} leads in a circle`);
    followed.add(at.$ref);
    at = target(description, at.$ref, where);
  }
  return at;
}
