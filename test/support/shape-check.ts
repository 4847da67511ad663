import { isObject, type Json } from '../../src/simulator/pages.ts';
import type { Fields, Shape } from '../../src/simulator/shape.ts';
import { namedShapes } from '../../src/simulator/shapes.ts';

const isList = (shape: Shape): shape is readonly [Shape] => Array.isArray(shape);

/** Atlas says null in fields that the description does not call nullable [recorded], so an optional field may be null. */
function fieldProblems(fields: Fields, value: { readonly [name: string]: Json | undefined }, at: string) {
  const shapes = new Map(Object.entries(fields).map(([key, shape]) => [key.replace('?', ''), shape]));
  const missing = Object.keys(fields).filter((name) => !name.endsWith('?') && !(name in value));
  return [
    ...missing.map((name) => `${at}.${name} is missing`),
    ...Object.entries(value).flatMap(([name, one]) => {
      const shape = shapes.get(name);
      if (shape === undefined) return [`${at}.${name} is unknown`];
      return one === null && !(name in fields) ? [] : shapeProblems(shape, one ?? null, `${at}.${name}`);
    }),
  ];
}

function plainProblems(kind: string, value: Json, at: string): string[] {
  const types: Readonly<Record<string, string>> = {
    boolean: 'boolean',
    integer: 'number',
    int64: 'number',
    number: 'number',
    object: 'object',
  };
  const type = types[kind] ?? 'string';
  if (typeof value !== type) return [`${at} is not of the type ${type}`];
  const digits = /^hex(\d+)$/.exec(kind)?.[1];
  if (digits !== undefined && !new RegExp(`^[0-9a-f]{${digits}}$`).test(String(value)))
    return [`${at} is not ${kind}`];
  if (kind === 'dateTime' && Number.isNaN(Date.parse(String(value)))) return [`${at} is not a date`];
  return [];
}

/** What of a value does not have the shape. */
export function shapeProblems(shape: Shape, value: Json, at = '$'): string[] {
  if (typeof shape === 'string') {
    const named = shape.startsWith('@') ? namedShapes[shape.slice(1)] : undefined;
    return named === undefined ? plainProblems(shape, value, at) : shapeProblems(named, value, at);
  }
  if (isList(shape))
    return Array.isArray(value)
      ? value.flatMap((one, index) => shapeProblems(shape[0], one, `${at}[${index}]`))
      : [`${at} is not a list`];
  if ('enum' in shape)
    return shape.enum.some((choice) => choice === value) ? [] : [`${at} is not one of the choices`];
  if ('from' in shape)
    return typeof value === 'number' && value >= shape.from && value <= shape.to
      ? []
      : [`${at} is out of range`];
  if ('nullable' in shape) return value === null ? [] : shapeProblems(shape.nullable, value, at);
  if ('oneOf' in shape) {
    const problems = shape.oneOf.map((one) => shapeProblems(one, value, at));
    return problems.toSorted((one, other) => one.length - other.length)[0] ?? [];
  }
  if (!isObject(value)) return [`${at} is not an object`];
  return 'map' in shape
    ? Object.entries(value).flatMap(([name, one]) => shapeProblems(shape.map, one ?? null, `${at}.${name}`))
    : fieldProblems(shape.fields, value, at);
}
