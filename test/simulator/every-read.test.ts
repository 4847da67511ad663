import { beforeAll, describe, expect, test } from 'vitest';
import { operations } from '../../src/atlas/operations.ts';
import type { Shape } from '../../src/simulator/shape.ts';
import { answerShapes } from '../../src/simulator/shapes.ts';
import { shapeProblems } from '../support/shape-check.ts';
import { type Atlas, existing, fill, resultsOf, startAtlas } from '../support/simulated-reads.ts';

const CASES = operations.flatMap((operation) =>
  operation.versions.map(({ name }) => ({ id: operation.id, operation, version: name })),
);

function shapeOf(id: string, version: string): Shape {
  const shape = answerShapes[id]?.[version];
  if (shape === undefined) throw new Error(`There is no shape of ${id} in ${version}`);
  return shape;
}

describe('every read', () => {
  let atlas: Atlas;
  beforeAll(() => {
    atlas = startAtlas();
  });

  test('there are 261 of them', () => {
    expect(Object.keys(answerShapes).sort()).toEqual(operations.map(({ id }) => id).sort());
    expect(operations).toHaveLength(261);
  });

  test.each(CASES)('$id $version', async ({ operation, version }) => {
    const { samples } = await existing(atlas, operation, version);
    const path = fill(operation.path, samples);
    const reply = await atlas.get(path, version);
    expect([path, reply.status]).toEqual([path, 200]);
    expect(reply.headers['Content-Type']).toBe(`application/vnd.atlas.${version}+json;charset=utf-8`);
    const shape = shapeOf(operation.id, version);
    const values =
      operation.kind === 'list' || operation.kind === 'unpaged-list' ? resultsOf(reply.body) : [reply.body];
    expect(values.length).toBeGreaterThan(0);
    expect(values.flatMap((value) => shapeProblems(shape, value))).toEqual([]);
  });
});
