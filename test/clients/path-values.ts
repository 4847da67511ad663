import type { Operation } from '../../src/atlas/catalog.ts';
import { operations } from '../../src/atlas/operations.ts';
import { existing, startAtlas } from '../support/simulated-reads.ts';

/** A path template without the names of its parameters, which SDKs may call otherwise. */
export const unnamed = (path: string): string => path.replace(/\{\w+\}/g, '{}');

const namesOf = (path: string) => [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);

/** Clients may demand a length that Atlas no longer describes. */
const LONG_ENOUGH = { token: '5f0a1b2c3d4e5f60'.repeat(4) };

/** The version of an operation that a client of this day asks for. */
const versionOn = (day: string, { versions }: Operation) =>
  (versions.findLast(({ name }) => name <= day) ?? versions[0])?.name ?? '';

/** Values of the path parameters of every operation, in order, that lead to something on this day; by unnamed path. */
export async function readPathValues(day: string): Promise<Readonly<Record<string, readonly string[]>>> {
  const atlas = startAtlas();
  const values = operations.map(async (operation) => {
    const { samples } = await existing(atlas, operation, versionOn(day, operation));
    const known: Readonly<Record<string, string>> = { ...samples, ...LONG_ENOUGH };
    return [unnamed(operation.path), namesOf(operation.path).map((name) => known[name] ?? '')] as const;
  });
  return Object.fromEntries(await Promise.all(values));
}
