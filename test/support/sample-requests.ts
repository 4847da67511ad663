import fc from 'fast-check';
import { type Operation, type Parameter, targetPath } from '../../src/atlas/catalog.ts';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';

const { orders } = SAMPLE_PROJECTS;
const ORG = '5f0a1b2c3d4e5f6071829301';
const SHAPED = new Set(['pageNum', 'itemsPerPage', 'pretty', 'envelope', 'includeCount']);

/** Texts that match a pattern, by seed and pattern: they take long to find. */
const texts = new Map<string, string>();

/** A valid value for a parameter, which depends on the seed if there are several. */
export function sampleOf({ name, type, pattern, enum: choices, minimum }: Parameter, seed: number): string {
  if (name === 'groupId') return orders.id;
  if (name === 'orgId') return ORG;
  if (choices !== undefined) return choices[seed % choices.length] ?? '';
  if (type === 'boolean') return String(seed % 2 === 0);
  if (type === 'integer') return String((minimum ?? 0) + seed);
  if (pattern === undefined) return `value ${seed}/é`.replace('/', '-');
  const known = texts.get(`${seed} ${pattern}`) ?? textMatching(pattern, seed);
  texts.set(`${seed} ${pattern}`, known);
  return known;
}

function textMatching(pattern: string, seed: number): string {
  const rule = new RegExp(pattern);
  // fast-check does not support lookaheads, so values that they would exclude are filtered.
  const loose = new RegExp(pattern.replaceAll(/\(\?[=!][^()]*(\([^()]*\)[^()]*)*\)/g, ''));
  const matching = fc
    .stringMatching(loose)
    .filter(
      (text) => rule.test(text) && text !== '' && text.length < 200 && !/[/\\;\p{Cc}]|^\.{1,2}$/u.test(text),
    );
  return fc.sample(matching, { seed, numRuns: 1 })[0] ?? '';
}

/** The query parameters that select what an operation returns. */
export const filtersOf = (operation: Operation) =>
  operation.queryParameters.filter(({ name }) => !SHAPED.has(name));

/** A valid path of an operation. */
export const pathOf = (operation: Operation, seed = 1) =>
  targetPath(
    operation,
    Object.fromEntries(
      operation.pathParameters.map((parameter) => [parameter.name, sampleOf(parameter, seed)]),
    ),
  );

/** The parameters without which an operation is 400, as they are written in a query. */
export const required = (operation: Operation) =>
  filtersOf(operation).flatMap((parameter) =>
    parameter.required === true && parameter.default === undefined
      ? [`${parameter.name}=${encodeURIComponent(sampleOf(parameter, 1))}`]
      : [],
  );
