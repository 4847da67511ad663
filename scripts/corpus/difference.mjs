// Compares two recordings: which records differ, where, and which of the differences are allowed.

const MAX_SHOWN = 8;
const EXCERPT_BEFORE = 40;
const EXCERPT_LENGTH = 160;

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

function parsedJson(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === 'object' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The two texts from a little before their first difference on. */
function excerpts(before, after) {
  let same = 0;
  while (same < before.length && before[same] === after[same]) same++;
  const start = Math.max(0, same - EXCERPT_BEFORE);
  const cut = (text) =>
    `${start > 0 ? '…' : ''}${text.slice(start, start + EXCERPT_LENGTH)}${text.length > start + EXCERPT_LENGTH ? '…' : ''}`;
  return [cut(before), cut(after)];
}

function textDifferences(before, after, path) {
  const [oldJson, newJson] = [parsedJson(before), parsedJson(after)];
  if (oldJson !== undefined && newJson !== undefined) {
    const found = differences(oldJson, newJson, path);
    if (found.length > 0) return found;
  }
  if (before.includes('\n') && after.includes('\n'))
    return listDifferences(before.split('\n'), after.split('\n'), path);
  const [oldPart, newPart] = excerpts(before, after);
  return [{ path, before: oldPart, after: newPart }];
}

/** Lists that begin and end alike differ only in the middle, so one more line is one difference. */
function listDifferences(before, after, path) {
  const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other);
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && isSame(before[start], after[start])) start++;
  let end = 0;
  while (end < shorter - start && isSame(before.at(-1 - end), after.at(-1 - end))) end++;
  const found = [];
  const count = Math.max(before.length, after.length) - end;
  for (let index = start; index < count; index++) {
    const oldItem = index < before.length - end ? before[index] : undefined;
    const newItem = index < after.length - end ? after[index] : undefined;
    found.push(...differences(oldItem, newItem, `${path}[${index}]`));
  }
  return found;
}

/** Every place where two values differ; undefined stands for a value that is missing. Texts that contain JSON are compared as JSON. */
export function differences(before, after, path = '') {
  if (before === after) return [];
  if (typeof before === 'string' && typeof after === 'string') return textDifferences(before, after, path);
  if (Array.isArray(before) && Array.isArray(after)) return listDifferences(before, after, path);
  if (!isObject(before) || !isObject(after)) return [{ path, before, after }];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) =>
    differences(before[name], after[name], path === '' ? name : `${path}.${name}`),
  );
}

/** A pattern in which `*` stands for any text. */
function matcher(pattern) {
  const escaped = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('.*')}$`, 's');
}

/**
 * `rules` are `{ records, fields, reason }`: differences in records with a matching name are allowed, in matching fields only where
 * `fields` is given. Throws where a rule has no reason.
 */
export function createAllowance(rules) {
  const compiled = rules.map(({ records, fields = ['*'], reason }, index) => {
    if (typeof records !== 'string' || typeof reason !== 'string' || reason === '')
      throw new Error(`rule ${index + 1} needs 'records', a pattern of record names, and a 'reason'`);
    return { records, name: matcher(records), fields: fields.map(matcher), used: false };
  });
  return {
    allows(name, path) {
      const rule = compiled.find(
        (one) => one.name.test(name) && one.fields.some((field) => field.test(path)),
      );
      if (rule !== undefined) rule.used = true;
      return rule !== undefined;
    },
    unused: () => compiled.filter(({ used }) => !used).map(({ records }) => records),
  };
}

/** Compares by name; the result lists changed, missing and new records in the order of the recordings. */
export function compareRecords(before, after, allowance = createAllowance([])) {
  const newRecords = new Map(after.map((record) => [record.name, record]));
  const oldNames = new Set(before.map(({ name }) => name));
  const result = { equal: 0, allowed: 0, changed: [], missing: [], added: [] };
  const isAllowed = (name, path) => allowance.allows(name, path);
  for (const { name, ...oldRecord } of before) {
    const found = newRecords.get(name);
    if (found === undefined) {
      if (isAllowed(name, '')) result.allowed++;
      else result.missing.push(name);
      continue;
    }
    const { name: _name, ...newRecord } = found;
    const all = differences(oldRecord, newRecord);
    const forbidden = all.filter(({ path }) => !isAllowed(name, path));
    if (forbidden.length > 0) result.changed.push({ name, differences: forbidden });
    else if (all.length > 0) result.allowed++;
    else result.equal++;
  }
  for (const { name } of after) {
    if (oldNames.has(name)) continue;
    if (isAllowed(name, '')) result.allowed++;
    else result.added.push(name);
  }
  return result;
}

const shown = (value) =>
  value === undefined ? '(missing)' : JSON.stringify(value).slice(0, 2 * EXCERPT_LENGTH);

function changedLines({ name, differences: found }) {
  const lines = found
    .slice(0, MAX_SHOWN)
    .flatMap(({ path, before, after }) => [
      `    ${path}`,
      `      old ${shown(before)}`,
      `      new ${shown(after)}`,
    ]);
  const more = found.length - MAX_SHOWN;
  return [`~ ${name}`, ...lines, ...(more > 0 ? [`    and ${more} more differences`] : [])];
}

/** A comparison for people, with the counts in its last line. */
export function describeComparison({ equal, allowed, changed, missing, added }) {
  return [
    ...changed.flatMap(changedLines),
    ...missing.map((name) => `- ${name}: only in the old recording`),
    ...added.map((name) => `+ ${name}: only in the new recording`),
    `${equal} equal, ${allowed} allowed to differ, ${changed.length} changed, ${missing.length} missing, ${added.length} new`,
  ];
}

export const isDifferent = ({ changed, missing, added }) =>
  changed.length + missing.length + added.length > 0;
