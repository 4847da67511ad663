// From the text of a description to the source of the catalog, or to what is wrong with it.
import { endpointSetOf } from '../../dist/atlas/rate-limit-buckets.js';
import { cacheUnitOf } from './decisions.mjs';
import { elementOf } from './elements.mjs';
import { collect } from './problem.mjs';
import { readDescription } from './read-description.mjs';
import { readsOf } from './reads.mjs';
import { sensitivityOf } from './sensitivity.mjs';
import { sourceOf } from './source.mjs';

/** A served read with what this project has decided about it. */
function operationOf({ pathParameters, queryParameters, headerParameters, ...read }) {
  const element = elementOf(read.id);
  return {
    ...read,
    endpointSet: endpointSetOf(read.path),
    sensitivity: sensitivityOf(read.id).sensitivity,
    cacheUnit: cacheUnitOf(read.kind, read.path),
    ...(element === undefined ? {} : { element }),
    pathParameters,
    queryParameters,
    headerParameters,
  };
}

const undecided = (reads) =>
  reads
    .filter(({ id }) => sensitivityOf(id) === undefined)
    .map(({ id, path }) => `GET ${path} (${id}): decide its sensitivity in scripts/catalog/sensitivity.mjs`);

/**
 * @returns {{ problems: string[] } | { operations: object[], unserved: object[], source: string }} `problems`: one line each
 */
export function generate(text) {
  const problems = [];
  const description = collect(problems, () => readDescription(text));
  if (description === undefined) return { problems };
  const { reads, problems: wrong } = readsOf(description);
  const served = reads.filter(({ unserved }) => unserved === undefined);
  problems.push(...wrong, ...undecided(served));
  if (problems.length > 0) return { problems };
  const operations = served.map(operationOf);
  const unserved = reads.flatMap(({ unserved: reason, ...named }) =>
    reason === undefined ? [] : [{ ...named, reason }],
  );
  return { operations, unserved, source: sourceOf(operations, unserved) };
}
