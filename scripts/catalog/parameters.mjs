// Parameters of the description in the form of the catalog.
import { patternOf } from './decisions.mjs';
import { problem } from './problem.mjs';
import { resolve } from './references.mjs';

const PLACES = ['path', 'query', 'header'];
const TYPES = ['boolean', 'integer', 'string', 'array'];
/** Keywords that change which values are valid, and which the gateway does not know. */
const UNKNOWN_RULES = [
  'oneOf',
  'anyOf',
  'allOf',
  'not',
  'const',
  'multipleOf',
  'exclusiveMinimum',
  'exclusiveMaximum',
];

function checkPattern(pattern, where) {
  try {
    new RegExp(pattern);
  } catch {
    throw problem(where, `pattern ${pattern} is not a regular expression`);
  }
}

/** Whether items are strings; types of events are described as one of several enumerations of them. */
const areStrings = (items) =>
  ['string', undefined].includes(items?.type) ||
  (items.oneOf?.every(({ type }) => type === 'string') ?? false);

function checkRules({ type, default: preset, pattern, enum: choices, items }, where) {
  if (!TYPES.includes(type)) throw problem(where, `type ${type} is not one of ${TYPES.join(', ')}`);
  if (typeof preset === 'object' && preset !== null) throw problem(where, 'a default is not a single value');
  if (choices !== undefined && !(Array.isArray(choices) && choices.every((one) => typeof one === 'string')))
    throw problem(where, 'enum is not a list of strings');
  if (pattern !== undefined) checkPattern(pattern, where);
  if (type === 'array' && !areStrings(items))
    throw problem(where, `items of type ${items.type} are not strings`);
}

function schemaOf(description, { schema, style, explode }, where) {
  const resolved = resolve(description, schema, where);
  if (typeof resolved !== 'object' || resolved === null) throw problem(where, 'has no schema');
  const rule = UNKNOWN_RULES.find((name) => name in resolved);
  if (rule !== undefined) throw problem(where, `${rule} is not understood`);
  if (!['form', 'simple', undefined].includes(style))
    throw problem(where, `style ${style} is not understood`);
  if (resolved.type === 'array' && explode === false)
    throw problem(where, 'explode: false is not understood');
  const items = resolved.type === 'array' ? resolve(description, resolved.items, where) : undefined;
  const facts = { ...resolved, ...(items === undefined ? {} : { items }) };
  checkRules(facts, where);
  return facts;
}

/** One parameter without what is not stated. */
function parameterOf(description, parameter, where) {
  const { name, required } = parameter;
  const {
    type,
    default: preset,
    minimum,
    maximum,
    pattern,
    enum: choices,
  } = schemaOf(description, parameter, where);
  const kept = { name, type };
  if (required) kept.required = true;
  if (preset !== undefined && preset !== null) kept.default = preset;
  if (minimum !== undefined) kept.minimum = minimum;
  // One description omits it; Atlas accepts at most 500 everywhere.
  if (maximum !== undefined || name === 'itemsPerPage') kept.maximum = maximum ?? 500;
  if (pattern !== undefined) kept.pattern = patternOf(name, pattern);
  if (choices !== undefined) kept.enum = choices;
  return kept;
}

/** The parameters of an operation by place, those of its path included. */
export function parametersOf(description, item, where) {
  const all = [...(item.parameters ?? []), ...(item.get.parameters ?? [])].map((given, index) => {
    const parameter = resolve(description, given, `${where} parameters[${index}]`);
    const named = `${where} parameter ${parameter?.name ?? index}`;
    if (!PLACES.includes(parameter?.in)) throw problem(named, `place ${parameter?.in} is not understood`);
    return { place: parameter.in, parameter: parameterOf(description, parameter, named) };
  });
  const inPlace = (place) => all.filter((one) => one.place === place).map(({ parameter }) => parameter);
  for (const place of PLACES) {
    const names = inPlace(place).map(({ name }) => name);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) throw problem(where, `has two ${place} parameters ${twice}`);
  }
  return Object.fromEntries(PLACES.map((place) => [place, inPlace(place)]));
}
