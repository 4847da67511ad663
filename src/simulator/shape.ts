import type { TextKind } from './texts.ts';

/** Fields by name; a name that ends in `?` is that of a field that Atlas leaves out of some answers. */
export type Fields = Readonly<Record<string, Shape>>;

/** What Atlas answers in one place of a body: a kind of value, `@` and the name of a shape, or a list of one shape. */
export type Shape =
  | TextKind
  | 'boolean'
  | 'integer'
  | 'int64'
  | 'number'
  | 'object'
  | `@${string}`
  | readonly [Shape]
  | { readonly enum: readonly (string | number)[] }
  | { readonly from: number; readonly to: number }
  | { readonly nullable: Shape }
  | { readonly map: Shape }
  | { readonly oneOf: readonly Shape[] }
  | { readonly fields: Fields };

/** The shape of an operation's answer by version, such as `2023-02-01`. */
export type VersionedShapes = Readonly<Record<string, Shape>>;
