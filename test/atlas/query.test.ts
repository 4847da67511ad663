import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createCatalog, type Operation, targetPath } from '../../src/atlas/catalog.ts';
import { canonicalQuery, resolveQuery } from '../../src/atlas/query.ts';
import { resolveVersion } from '../../src/atlas/version.ts';
import { lists as operations } from '../support/lists.ts';

const catalog = createCatalog(operations);
function operation(id: string): Operation {
  const found = catalog.find(id);
  if (found === undefined) throw new Error(id);
  return found;
}
const links = operation('listGroupStreamPrivateLinkConnections');
const events = operation('listGroupEvents');

describe('a query', () => {
  test('without parameters resolves to the defaults', () => {
    expect(resolveQuery(links, '')).toEqual({
      type: 'resolved',
      filters: [],
      blank: [],
      shape: { pageNum: 1, itemsPerPage: 100, pretty: false, envelope: false, includeCount: true },
    });
  });

  test.each([
    'page=1',
    'pageNum=-1',
    'pageNum=1e9',
    'pageNum=NaN',
    'pageNum=1.5',
    'pageNum=01',
    'pageNum=',
    'pageNum=1000000000',
    'pageNum=99999999999999999999',
    'itemsPerPage=-1',
    'itemsPerPage=501',
    'pageNum=1&pageNum=1',
    'pretty=1',
    'pretty',
    'pretty=TRUE',
    'pageNum=1;itemsPerPage=2',
    'pageNum=%zz',
    'pageNum=%ff',
    'pretty=true%00',
    '__proto__=1',
    'constructor=1',
    'includeCount=false',
    '&',
  ])('%s is refused', (query) => {
    expect(resolveQuery(links, query)).toMatchObject({ type: 'invalid' });
  });

  test('resolves to the same result in any order and encoding', () => {
    const types = ['CREDIT_CARD_CURRENT', 'PAID_IN_FULL', 'DELINQUENT'];
    const percent = (text: string) =>
      [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
    fc.assert(
      fc.property(
        fc.shuffledSubarray(types, { minLength: 1 }),
        fc.boolean(),
        fc.boolean(),
        (chosen, encoded, pageFirst) => {
          const filters = chosen.map((type) => `eventType=${encoded ? percent(type) : type}`);
          const given = resolveQuery(
            events,
            (pageFirst ? ['pageNum=2', ...filters] : [...filters, 'pageNum=2']).join('&'),
          );
          const sorted = resolveQuery(
            events,
            ['pageNum=2', ...[...chosen].sort().map((type) => `eventType=${type}`)].join('&'),
          );
          expect(given).toEqual(sorted);
          expect(given.type === 'resolved' && canonicalQuery(given.filters)).toContain(
            `eventType=${[...chosen].sort()[0]}`,
          );
        },
      ),
    );
  });
});

describe('the catalog', () => {
  test('contains all 87 lists', () => {
    expect(operations).toHaveLength(87);
    expect(new Set(operations.map(({ path }) => path)).size).toBe(87);
  });

  /** For each path parameter, at least one of these matches its pattern. */
  const VALUES = [
    'name-1',
    'a'.repeat(24),
    'b'.repeat(32),
    `mdb_sa_id_${'c'.repeat(24)}`,
    'host.example:27017',
  ];
  test.each(operations)('finds $id by its path', (one) => {
    const parameters = Object.fromEntries(
      one.pathParameters.map(({ name, pattern = '', enum: choices }) => {
        const fits = new RegExp(pattern);
        return [name, choices?.[0] ?? VALUES.find((value) => fits.test(value)) ?? ''];
      }),
    );
    expect(catalog.match(targetPath(one, parameters))).toMatchObject({
      type: 'matched',
      operation: { id: one.id },
      pathParameters: parameters,
    });
  });

  test('a literal segment takes precedence over a parameter', () => {
    const project = 'a'.repeat(24);
    expect(catalog.match(`/api/atlas/v2/groups/${project}/streams/vpcPeeringConnections`)).toMatchObject({
      operation: { id: 'listGroupStreamVpcPeeringConnections' },
    });
    expect(
      catalog.match(`/api/atlas/v2/groups/${project}/streams/vpcPeeringConnections/connections`),
    ).toMatchObject({ operation: { id: 'listGroupStreamConnections' } });
  });

  test.each([
    '..%2f',
    '%00',
    '%0d%0a',
    ';x=1',
    '%ff',
    'ABCDEFABCDEFABCDEFABCDEF',
    '__proto__',
    '%61aaaaaaaaaaaaaaaaaaaaaaaa',
  ])('a project id of %s is rejected', (id) => {
    expect(catalog.match(`/api/atlas/v2/groups/${id}/streams/privateLinkConnections`)).toMatchObject({
      type: 'bad-parameter',
      name: 'groupId',
    });
  });

  test.each([
    '/privateLinkConnections/',
    '/privateLinkConnections;x.css',
    '/privateLinkConnections/x.css',
    '//privateLinkConnections',
    '/privatelinkconnections',
    '/%70rivateLinkConnections',
  ])('…/streams%s matches no operation', (end) => {
    expect(catalog.match(`/api/atlas/v2/groups/${'a'.repeat(24)}/streams${end}`)).toEqual({
      type: 'unknown',
    });
  });
});

describe('the version', () => {
  const resolve = (accept: string | undefined, one = links, today = '2026-11-24') =>
    resolveVersion(one, accept, today);

  test.each([
    ['application/vnd.atlas.2023-02-01+json', '2023-02-01'],
    ['application/vnd.atlas.2023-10-01+json', '2023-02-01'],
    ['application/vnd.atlas.2025-03-12+json', '2023-02-01'],
    ['application/json;q=0.5, Application/Vnd.Atlas.2024-01-01+JSON; q=0.9', '2023-02-01'],
  ])('%s resolves to %s', (accept, version) => {
    expect(resolve(accept)).toMatchObject({
      type: 'resolved',
      version: { name: version },
      mediaType: `application/vnd.atlas.${version}+json`,
    });
  });

  test.each([
    undefined,
    '',
    '*/*',
    'application/json',
    'application/vnd.atlas.2022-01-01+json',
    'application/vnd.atlas.2023-02-31+json',
    'application/vnd.atlas.2023-02-01+csv',
    'application/vnd.atlas.preview+json',
    'application/vnd.atlas.2023-02-01+json;q=0',
  ])('%s is not acceptable', (accept) => {
    expect(resolve(accept)).toEqual({ type: 'not-acceptable' });
  });

  test('of several is the one with the highest weight that exists', () => {
    const clusters = operation('listGroupClusters');
    expect(
      resolve(
        'application/vnd.atlas.2023-01-01+json;q=0.4, application/vnd.atlas.2024-08-05+json;q=0.8',
        clusters,
      ),
    ).toMatchObject({ version: { name: '2024-08-05' } });
  });

  test('is gone from its sunset date', () => {
    const clusters = operation('listGroupClusters');
    expect(resolve('application/vnd.atlas.2023-02-01+json', clusters, '2027-06-30')).toMatchObject({
      type: 'resolved',
    });
    expect(resolve('application/vnd.atlas.2023-02-01+json', clusters, '2027-07-01')).toMatchObject({
      type: 'gone',
    });
  });

  test('a later date never resolves to an older version', () => {
    const day = fc
      .date({ min: new Date('2022-01-01'), max: new Date('2026-12-31'), noInvalidDate: true })
      .map((date) => date.toISOString().slice(0, 10));
    fc.assert(
      fc.property(fc.constantFrom(...operations), day, day, (one, a, b) => {
        const [earlier, later] = a < b ? [a, b] : [b, a];
        const at = (date: string) => {
          const resolved = resolve(`application/vnd.atlas.${date}+json`, one, '2022-01-01');
          return resolved.type === 'resolved' ? resolved.version.name : '';
        };
        expect(at(earlier) <= at(later)).toBe(true);
      }),
    );
  });
});
