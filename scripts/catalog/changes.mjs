// The differences between two catalogs, in words.

const byKey = (list, key) => new Map(list.map((item) => [item[key], item]));
const shown = (value) =>
  value === undefined ? 'none' : typeof value === 'string' ? value : JSON.stringify(value);

/** What was added to, removed from and changed in a list of named things. */
function compare(before, after, { noun, describe, change }) {
  const [old, current] = [byKey(before, 'name'), byKey(after, 'name')];
  return [
    ...after.filter(({ name }) => !old.has(name)).map((one) => `${noun} ${one.name} added${describe(one)}`),
    ...before.filter(({ name }) => !current.has(name)).map(({ name }) => `${noun} ${name} removed`),
    ...after.flatMap((one) => {
      const previous = old.get(one.name);
      return previous === undefined
        ? []
        : change(previous, one).map((what) => `${noun} ${one.name}: ${what}`);
    }),
  ];
}

/** The members that differ, except those that are compared otherwise. */
function members(before, after, except = []) {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((name) => !except.includes(name))
    .filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]))
    .map((name) => `${name} ${shown(before[name])} → ${shown(after[name])}`);
}

const VERSION = {
  noun: 'version',
  describe: ({ sunset }) => (sunset === undefined ? '' : ` (until ${sunset})`),
  change: members,
};
const parameterIn = (place) => ({
  noun: `${place} parameter`,
  describe: ({ type, required }) => ` (${type}${required ? ', required' : ''})`,
  change: members,
});
const LISTS = [
  ['versions', VERSION],
  ['pathParameters', parameterIn('path')],
  ['queryParameters', parameterIn('query')],
  ['headerParameters', parameterIn('header')],
];

function changesOf(before, after) {
  return [
    ...members(
      before,
      after,
      LISTS.map(([name]) => name),
    ),
    ...LISTS.flatMap(([name, rules]) => compare(before[name] ?? [], after[name] ?? [], rules)),
  ].map((what) => `changed  ${after.id}: ${what}`);
}

/** One line for every change between two catalogs. */
export function describeChanges(before, after) {
  const [old, current] = [byKey(before, 'id'), byKey(after, 'id')];
  return [
    ...after
      .filter(({ id }) => !old.has(id))
      .map(
        ({ id, path, kind, sensitivity, reason }) =>
          `added    ${id}  ${path}  ${reason === undefined ? `(${kind}, ${sensitivity})` : `(not served: ${reason})`}`,
      ),
    ...before.filter(({ id }) => !current.has(id)).map(({ id, path }) => `removed  ${id}  ${path}`),
    ...after.flatMap((operation) => {
      const previous = old.get(operation.id);
      return previous === undefined ? [] : changesOf(previous, operation);
    }),
  ];
}
