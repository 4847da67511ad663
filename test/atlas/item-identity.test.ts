import { describe, expect, test } from 'vitest';
import { identityFieldsOf } from '../../src/atlas/identity-fields.ts';
import { identitiesOf } from '../../src/atlas/item-identity.ts';
import { parseListBody } from '../../src/atlas/list-parser.ts';
import { lists } from '../support/lists.ts';

function identitiesIn(results: string, fields: readonly string[]) {
  const page = parseListBody(Buffer.from(`{"results":[${results}]}`));
  if (page.type !== 'list') throw new Error(page.detail);
  return [...identitiesOf(page.items, fields)];
}

describe('two items', () => {
  test.each([
    ['with the same id are the same', '{"id":"a","n":1},{"n":2,"id":"a"}', ['id'], true],
    ['with other ids are not', '{"id":"a"},{"id":"b"}', ['id'], false],
    ['are not compared by nested members', '{"a":{"id":1},"id":2},{"a":{"id":1},"id":3}', ['id'], false],
    ['without the field are compared by their bytes', '{"n":1},{"n":2}', ['id'], false],
    ['without the field, with equal bytes, are the same', '{"n":1},{"n":1}', ['id'], true],
    ['are compared by all fields', '{"a":1,"b":1},{"a":1,"b":2}', ['a', 'b'], false],
    ['are compared field by field', '{"a":1},{"b":1}', ['a', 'b'], false],
    ['may lack some of the fields', '{"a":1,"n":1},{"a":1,"n":2}', ['a', 'b'], true],
    ['are the same if spaces differ', '{ "id" : 1 , "n":1},{"id":1}', ['id'], true],
    ['are compared by their bytes if no field is named', '{"id":1,"n":1},{"id":1,"n":2}', [], false],
    ['need not be objects', '"a","b"', ['id'], false],
  ])('%s', (_title, results, fields, same) => {
    const [one, other] = identitiesIn(results, fields);
    expect(one === other).toBe(same);
  });
});

test('lists whose items nothing identifies are few and known', () => {
  const unidentified = lists.filter(({ id }) => identityFieldsOf(id).length === 0);
  expect(unidentified.map(({ id }) => id).toSorted()).toEqual([
    'getGroupAiModelApiRateLimits',
    'getGroupMongoDbVersions',
    'getOrgAiModelApiRateLimits',
    'listGroupClusterProviderRegions',
  ]);
});
