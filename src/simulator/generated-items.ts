import type { ElementOfList, Operation } from '../atlas/catalog.ts';
import { padded, privateLinkConnection } from './items.ts';
import { isObject, type Json } from './pages.ts';
import type { Projects } from './projects.ts';
import type { Shape } from './shape.ts';
import { answerShapes } from './shapes.ts';
import { makeValue } from './values.ts';

/** A resource of the world: its operation, its path with parameters substituted, and the query parameters that select its data. */
export interface Address {
  readonly operation: Operation;
  readonly path: string;
  readonly pathParameters: Readonly<Record<string, string>>;
  readonly filters: string;
}

/** How a caller wants to see an item: in which version, and whether with the fields that name what is in effect. */
export interface View {
  readonly version: string;
  readonly effectiveFields: boolean;
}

/** An item of a list, or a document. The same view gives the same object. */
export interface StoredItem {
  seen(view: View): Json;
  /** The values by which a path can name the item as an element. */
  identities(element: ElementOfList): readonly string[];
}

/** The newest version that has a date, or the preview of an operation that has only one. */
export function newestView({ versions }: Operation): View {
  const newest = versions.findLast(({ name }) => name !== 'preview') ?? versions[0];
  return { version: newest?.name ?? '', effectiveFields: false };
}

/** An item that is the same in every version. */
export const fixedItem = (value: Json): StoredItem => ({
  seen: () => value,
  identities: (element) => identityOf(value, element),
});

/** Makes the item with a number; every number gives another item. */
export type GenerateItem = (address: Address, number: number, bytes: number) => StoredItem;

/** The version of the operation to answer in: that of the view, or the newest before it. */
function shapeIn({ id, versions }: Operation, version: string): Shape {
  const shapes = answerShapes[id] ?? {};
  const older = versions.findLast(({ name }) => name <= version) ?? versions[0];
  const shape = shapes[version] ?? shapes[older?.name ?? ''];
  if (shape === undefined) throw new Error(`There is no shape for ${id} in version ${version}`);
  return shape;
}

const isList = (shape: Shape): shape is readonly [Shape] => Array.isArray(shape);

/** Without the fields that Atlas sends only to those who set `Use-Effective-Instance-Fields` or the like. */
function withoutEffectiveFields(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutEffectiveFields);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, one]) =>
      name.startsWith('effective') || one === undefined ? [] : [[name, withoutEffectiveFields(one)]],
    ),
  );
}

/** The values of an item that its element's path names; undefined where the item lacks one of them. */
export function identityOf(item: Json, { itemField }: Pick<ElementOfList, 'itemField'>): readonly string[] {
  if (!isObject(item)) return [];
  return itemField.split('|').flatMap((fields) => {
    const values = fields.split('+').map((field) => item[field]);
    return values.every((value) => typeof value === 'string') ? [values.join('/')] : [];
  });
}

/** A `:` is written as it is in links [recorded]. */
const asPath = (identity: string) =>
  identity
    .split('/')
    .map((segment) => encodeURIComponent(segment).replaceAll('%3A', ':'))
    .join('/');

/** A function that makes each value once, by its key. Most items of long lists are never read, so that the map is made late. */
function rememberByKey<Key, Value>(keyOf: (key: Key) => string, make: (key: Key) => Value) {
  let made: Map<string, Value> | undefined;
  return (key: Key): Value => {
    const name = keyOf(key);
    const known = made?.get(name);
    if (known !== undefined) return known;
    const value = make(key);
    made ??= new Map();
    made.set(name, value);
    return value;
  };
}

/** An item that is made when it is read. `make` can make some of the fields only. */
const lazyItem = (make: (view: View | undefined, only?: ReadonlySet<string>) => Json): StoredItem => ({
  seen: rememberByKey(
    ({ version, effectiveFields }: View) => `${version} ${effectiveFields}`,
    (view) => make(view),
  ),
  identities: rememberByKey(
    ({ itemField }: ElementOfList) => itemField,
    (element) => identityOf(make(undefined, new Set(element.itemField.split(/[|+]/))), element),
  ),
});

/** Generates items and documents from the shapes of the description. `elements`: the operations that read one item of a list. */
export function createItemGenerator(
  {
    linkOrigin,
    elements,
  }: { readonly linkOrigin: string; readonly elements: ReadonlyMap<string, ElementOfList> },
  projects: Projects,
): GenerateItem {
  /** The address that an item names as its own: that of its element, or its document's. */
  function linksOf({ operation, path }: Address, value: Json): readonly Json[] {
    const element = elements.get(operation.id);
    if (element === undefined && operation.kind !== 'document' && operation.kind !== 'element') return [];
    const [identity] = element === undefined ? [] : identityOf(value, element);
    const suffix = identity === undefined ? '' : `/${asPath(identity)}`;
    return [{ rel: 'self', href: `${linkOrigin}${path}${suffix}` }];
  }

  function valueAt(address: Address, number: number, version: string, only?: ReadonlySet<string>): Json {
    const { operation, path, pathParameters, filters } = address;
    const shape = shapeIn(operation, version);
    return makeValue(isList(shape) ? shape[0] : shape, {
      seed: `${path}?${filters}`,
      number,
      known: projects.idsAround(pathParameters, number),
      ...(only === undefined ? {} : { only }),
    });
  }

  function bodyAt(address: Address, number: number, { version, effectiveFields }: View): Json {
    const value = valueAt(address, number, version);
    const linked = isObject(value) && 'links' in value ? { ...value, links: linksOf(address, value) } : value;
    return address.operation.headerParameters.length === 0 || effectiveFields
      ? linked
      : withoutEffectiveFields(linked);
  }

  return (address, number, bytes) => {
    const { operation, pathParameters } = address;
    if (operation.id === 'listGroupStreamPrivateLinkConnections')
      return lazyItem(() => padded(privateLinkConnection(pathParameters['groupId'] ?? '', number), bytes));
    return lazyItem((view, only) =>
      view === undefined
        ? valueAt(address, number, newestView(operation).version, only)
        : padded(bodyAt(address, number, view), bytes),
    );
  };
}
