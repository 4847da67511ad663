import type { Json } from './pages.ts';
import { createSeeded } from './seeded.ts';
import type { Fields, Shape } from './shape.ts';
import { namedShapes } from './shapes.ts';
import { createTextMaker } from './texts.ts';

/** What a value depends on besides its shape. */
export interface ValueSource {
  /** The same seed gives the same value, field by field: shapes of two versions agree in the fields that they share. */
  readonly seed: string;
  /** The item's number in its list: its ids and names are unlike those of other numbers. */
  readonly number: number;
  /** Values of fields such as `groupId`, wherever a text of this name appears. */
  readonly known: Readonly<Record<string, string | undefined>>;
  /** The fields of the body to make; absent: all. */
  readonly only?: ReadonlySet<string>;
}

interface Top extends Pick<ValueSource, 'number' | 'only'> {
  readonly seed: number;
}

/** Where a value in a body draws from; `top` is set for the fields of the body itself only. */
interface Drawing {
  readonly fraction: () => number;
  readonly known: ValueSource['known'];
  readonly top: Top | undefined;
}

type Make = (drawing: Drawing, depth: number) => Json;

/** Deeper values have only the fields that Atlas always sends, and empty lists. */
const MAX_DEPTH = 4;
const MAX_ELEMENTS = 2;
/** Fields that may identify an item are never left out of it. */
const IDENTIFYING = /(^_?id|Id|ame|Hash|^type|^cidrBlock|^ipAddress)$/;
const PRESENT_SHARE = 0.7;
const NULL_SHARE = 0.25;
const WHOLE_NUMBERS = 10_000;
const LARGE_NUMBER = 9_007_199_254_740_000;

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c_9dc5;
  for (let index = 0; index < text.length; index++)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x0100_0193);
  return hash >>> 0;
}

const below = ({ fraction }: Drawing, limit: number) => Math.floor(fraction() * limit);

const inside = (drawing: Drawing): Drawing =>
  drawing.top === undefined ? drawing : { ...drawing, top: undefined };

interface Field {
  readonly name: string;
  readonly optional: boolean;
  readonly hash: number;
  readonly make: Make;
}

/** A project's id has two names. */
const KNOWN_AS: Readonly<Record<string, string>> = { projectId: 'groupId' };

/** A text that the surroundings know, such as the id of the project, or one that is drawn. */
function knownOr(name: string, make: Make): Make {
  const knownAs = KNOWN_AS[name] ?? name;
  return (drawing, depth) => drawing.known[knownAs] ?? make(drawing, depth);
}

const isReference = (shape: Shape): shape is `@${string}` =>
  typeof shape === 'string' && shape.startsWith('@');

function fieldOf([key, shape]: [string, Shape]): Field {
  const name = key.replace(/\?$/, '');
  const make = makerOf(shape);
  const isText = typeof shape === 'string' && !isReference(shape);
  return { name, optional: key !== name, hash: hashOf(name), make: isText ? knownOr(name, make) : make };
}

function isPresent({ name, optional }: Field, { top, fraction }: Drawing, depth: number): boolean {
  if (!optional || (top !== undefined && IDENTIFYING.test(name))) return true;
  return depth < MAX_DEPTH && fraction() < PRESENT_SHARE;
}

function objectMaker(shape: Fields): Make {
  const fields = Object.entries(shape).map(fieldOf);
  return (drawing, depth) => {
    const { known, top } = drawing;
    const nested = inside(drawing);
    const value: Record<string, Json> = {};
    for (const field of fields) {
      if (top?.only?.has(field.name) === false && depth === 0) continue;
      const place =
        depth === 0 && top !== undefined
          ? { known, top, fraction: createSeeded(top.seed ^ field.hash) }
          : nested;
      if (isPresent(field, place, depth)) value[field.name] = field.make(place, depth + 1);
    }
    return value;
  };
}

/** Items of consecutive numbers take the choices in turn, so that those with an enumerated identity differ. */
const chosen = ({ top, fraction }: Drawing, count: number) =>
  top === undefined ? Math.floor(fraction() * count) : top.number % count;

const choiceMaker =
  (choices: readonly (string | number)[]): Make =>
  (drawing) =>
    choices[chosen(drawing, choices.length)] ?? null;

const alternativeMaker =
  (makers: readonly Make[]): Make =>
  (drawing, depth) =>
    makers[chosen(drawing, makers.length)]?.(drawing, depth) ?? null;

function listMaker(element: Shape): Make {
  // Whoever knows the address of a body sets its links.
  if (element === '@Link') return () => [];
  const make = makerOf(element);
  return (drawing, depth) => {
    if (depth > MAX_DEPTH) return [];
    const nested = inside(drawing);
    const count = below(nested, MAX_ELEMENTS + 1);
    return [...new Set(Array.from({ length: count }, () => make(nested, depth + 1)))];
  };
}

const mapKey = createTextMaker('hex6');

const mapMaker =
  (make: Make): Make =>
  (drawing, depth) => {
    const nested = inside(drawing);
    const key = mapKey({ fraction: nested.fraction, number: undefined });
    return { [`key-${key}`]: make(nested, depth + 1) };
  };

const nullableMaker =
  (make: Make): Make =>
  (drawing, depth) =>
    drawing.fraction() < NULL_SHARE ? null : make(drawing, depth);

const named = new Map<string, Make>();

/** The maker of a named shape. Shapes refer to each other in circles, so it is looked up when a value is made. */
function makerNamed(name: string): Make {
  const known = named.get(name);
  if (known !== undefined) return known;
  const shape = namedShapes[name];
  if (shape === undefined) throw new Error(`There is no shape ${name}`);
  const make = makerOf(shape);
  named.set(name, make);
  return make;
}

function plainMaker(kind: Extract<Shape, string>): Make {
  if (isReference(kind)) return (drawing, depth) => makerNamed(kind.slice(1))(drawing, depth);
  switch (kind) {
    case 'boolean':
      return ({ fraction }) => fraction() < 0.5;
    case 'integer':
      return (drawing) => below(drawing, WHOLE_NUMBERS);
    case 'int64':
      return (drawing) => LARGE_NUMBER + below(drawing, 900);
    case 'number':
      return (drawing) => below(drawing, WHOLE_NUMBERS) / 8;
    case 'object':
      return (drawing) => ({ [`key-${below(drawing, 100)}`]: below(drawing, WHOLE_NUMBERS) });
    default: {
      const make = createTextMaker(kind);
      return ({ fraction, top }) => make({ fraction, number: top?.number });
    }
  }
}

const isList = (shape: Exclude<Shape, string>): shape is readonly [Shape] => Array.isArray(shape);

function makerOf(shape: Shape): Make {
  if (typeof shape === 'string') return plainMaker(shape);
  if (isList(shape)) return listMaker(shape[0]);
  if ('enum' in shape) return choiceMaker(shape.enum);
  if ('from' in shape) return (drawing) => shape.from + below(drawing, shape.to - shape.from + 1);
  if ('fields' in shape) return objectMaker(shape.fields);
  if ('map' in shape) return mapMaker(makerOf(shape.map));
  if ('oneOf' in shape) return alternativeMaker(shape.oneOf.map(makerOf));
  return nullableMaker(makerOf(shape.nullable));
}

const compiled = new WeakMap<object, Make>();

function compiledMaker(shape: Shape): Make {
  if (typeof shape === 'string') return makerOf(shape);
  const known = compiled.get(shape);
  if (known !== undefined) return known;
  const make = makerOf(shape);
  compiled.set(shape, make);
  return make;
}

/** A value of a shape. The same source gives the same value. */
export function makeValue(shape: Shape, { seed, number, known, only }: ValueSource): Json {
  const hash = hashOf(`${seed} ${number}`);
  const top = { seed: hash, number, ...(only === undefined ? {} : { only }) };
  return compiledMaker(shape)({ fraction: createSeeded(hash), known, top }, 0);
}
