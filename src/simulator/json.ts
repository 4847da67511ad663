/** A number that JavaScript would round, kept as it is written: `0.10`, `1e400`. */
export class ExactNumber {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** What the simulator's lists are made of. Members that are `undefined` are left out, as Atlas leaves out absent fields. */
export type Json =
  | null
  | boolean
  | number
  | bigint
  | string
  | ExactNumber
  | readonly Json[]
  | { readonly [name: string]: Json | undefined };

/** An item of a list, or any other object that Atlas answers with. */
export type JsonObject = { readonly [name: string]: Json | undefined };

const isList = (value: Json): value is readonly Json[] => Array.isArray(value);

/** The members of an object that are there, in alphabetical order, which is Atlas's. */
const members = (value: JsonObject) =>
  Object.keys(value)
    .sort()
    .flatMap((name) => {
      const member = value[name];
      return member === undefined ? [] : [[JSON.stringify(name), member] as const];
    });

function scalar(value: Json): string | undefined {
  if (value instanceof ExactNumber) return value.text;
  if (typeof value === 'bigint') return value.toString();
  return value === null || typeof value !== 'object' ? JSON.stringify(value) : undefined;
}

/** Compact JSON, keys in alphabetical order. */
export function compactJson(value: Json): string {
  const simple = scalar(value);
  if (simple !== undefined) return simple;
  if (isList(value)) return `[${value.map(compactJson).join(',')}]`;
  return `{${members(value as JsonObject)
    .map(([name, member]) => `${name}:${compactJson(member)}`)
    .join(',')}}`;
}

/** JSON as Jackson's default pretty printer writes it: two spaces a level, `"name" : value`; arrays stay on one line and indent nothing. */
export function prettyJson(value: Json, indent = ''): string {
  const simple = scalar(value);
  if (simple !== undefined) return simple;
  if (isList(value))
    return value.length === 0 ? '[ ]' : `[ ${value.map((item) => prettyJson(item, indent)).join(', ')} ]`;
  const inner = `${indent}  `;
  const lines = members(value as JsonObject).map(
    ([name, member]) => `${inner}${name} : ${prettyJson(member, inner)}`,
  );
  return lines.length === 0 ? '{ }' : `{\n${lines.join(',\n')}\n${indent}}`;
}
