import { describe, expect, test } from 'vitest';
import { readFilter, readOrder, rowOf, select } from '../../../src/status/links/rows.ts';

const rows = [
  { _id: '1', state: 'FAILED', provider: 'AWS', vendor: 'MSK', region: 'US_EAST_1', arn: 'arn:aws:kafka:1' },
  {
    _id: '2',
    state: 'DONE',
    provider: 'AZURE',
    vendor: 'EVENTHUB',
    region: 'EUROPE_WEST',
    dnsDomain: 'b.example',
  },
  { _id: '3', state: 'DONE', provider: 'AWS', region: 'EU_WEST_1', interfaceEndpointId: 'vpce-3' },
].map(rowOf);
const found = (query: string) => {
  const parameters = new URLSearchParams(query);
  return select(rows, readFilter(parameters), readOrder(parameters)).map(({ id }) => id);
};

describe('the rows of the browser', () => {
  test.each([
    ['', ['1', '2', '3']],
    ['text=vpce', ['3']],
    ['text=done+eu', ['2', '3']],
    ['text=ARN%3Aaws', ['1']],
    ['state=DONE&provider=AWS', ['3']],
    ['state=NOTHING', []],
    ['sort=region', ['2', '3', '1']],
    ['sort=-region', ['1', '3', '2']],
    ['sort=vendor', ['2', '1', '3']],
    ['sort=-vendor', ['1', '2', '3']],
    ['sort=region&sort=state', ['2', '3', '1']],
    ['sort=__proto__', ['1', '2', '3']],
    [`text=${'x'.repeat(10_000)}`, []],
  ])('%s', (query, ids) => {
    expect(found(query)).toEqual(ids);
  });

  test('values from Atlas become short text without invisible characters', () => {
    const row = rowOf({
      _id: { $oid: 'x' },
      state: '\u202eENOD\u0000',
      provider: null,
      vendor: ['MSK'],
      region: 'x'.repeat(5_000),
      dnsDomain: 'javascript:alert(1)\ud800',
    });
    expect(row).toMatchObject({ id: '', state: '⟨U+202E⟩ENOD⟨U+0000⟩', provider: '', vendor: '' });
    expect(row.region).toHaveLength(301);
    expect(row.endpoint).toEqual([{ name: 'dnsDomain', value: 'javascript:alert(1)⟨U+D800⟩' }]);
  });
});
