import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createCatalog, type Operation, type Parameter } from '../../src/atlas/catalog.ts';
import { operations } from '../../src/atlas/operations.ts';
import { canonicalQuery, linkParameters, resolveQuery } from '../../src/atlas/query.ts';

type Pair = readonly [name: string, value: string];

const catalog = createCatalog(operations);
function operation(id: string): Operation {
  const found = catalog.find(id);
  if (found === undefined) throw new Error(`${id} is not in the catalog`);
  return found;
}

const links = operation('listGroupStreamPrivateLinkConnections');
/** Events, without the default values that would be added to every query. */
const events = {
  ...operation('listGroupEvents'),
  queryParameters: operation('listGroupEvents').queryParameters.map(
    ({ default: _default, ...parameter }) => parameter,
  ),
};
const indexes = operation('listGroupProcessPerformanceAdvisorSuggestedIndexes');
const peerings = operation('listGroupStreamVpcPeeringConnections');

/** The filters as sent to Atlas, or the invalid parameter. */
function asked(one: Operation, query: string): string {
  const resolved = resolveQuery(one, query);
  return resolved.type === 'resolved' ? canonicalQuery(resolved.filters) : `invalid ${resolved.parameter}`;
}

const freeText = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .filter((text) => !/\p{Cc}/u.test(text));

function valuesOf({ name, type, enum: choices, pattern, minimum, maximum }: Parameter): fc.Arbitrary<string> {
  switch (type) {
    case 'boolean':
      return fc.constantFrom('true', 'false');
    case 'integer':
      return fc.integer({ min: minimum ?? -5, max: maximum ?? (minimum ?? 0) + 10_000 }).map(String);
    case 'string':
    case 'array':
      if (choices !== undefined) return fc.constantFrom(...choices);
      if (name === 'ipAddress') return fc.ipV4();
      return pattern === undefined ? freeText : fc.stringMatching(new RegExp(pattern));
  }
}

function pairsOf(parameter: Parameter): fc.Arbitrary<readonly Pair[]> {
  const most = parameter.type === 'array' ? 4 : 1;
  const least = parameter.required === true ? 1 : 0;
  const values = fc.array(valuesOf(parameter), { minLength: least, maxLength: most });
  return values.map((some) => some.map((value): Pair => [parameter.name, value]));
}

/** An operation and a set of valid parameters. */
const anyQuestion = fc
  .constantFrom(...operations)
  .chain((one) =>
    fc.tuple(...one.queryParameters.map(pairsOf)).map((pairs) => ({ one, pairs: pairs.flat() })),
  );

const escapeAll = (text: string) =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
const styles = [
  encodeURIComponent,
  escapeAll,
  (text: string) => escapeAll(text).toUpperCase(),
  (text: string) => encodeURIComponent(text).replaceAll('%20', '+'),
];
const write = (pairs: readonly Pair[], encode: (text: string) => string) =>
  pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&');

describe('for any list', () => {
  test('order, repetition and escaping do not change the canonical query', () => {
    const variation = fc.tuple(fc.constantFrom(...styles), fc.infiniteStream(fc.nat()));
    fc.assert(
      fc.property(anyQuestion, variation, ({ one, pairs }, [encode, numbers]) => {
        const plain = resolveQuery(one, write(pairs, encodeURIComponent));
        expect(plain.type).toBe('resolved');
        const shuffled = pairs
          .map((pair) => ({ pair, at: numbers.next().value }))
          .sort((a, b) => a.at - b.at)
          .map(({ pair }) => pair);
        const types = new Map(one.queryParameters.map(({ name, type }) => [name, type]));
        const again = shuffled.filter(([name]) => types.get(name) === 'array');
        const varied = resolveQuery(one, write([...shuffled, ...again], encode));
        expect(varied).toEqual(plain);
      }),
      { numRuns: 300 },
    );
  });

  test('a canonical query resolves to itself', () => {
    fc.assert(
      fc.property(anyQuestion, ({ one, pairs }) => {
        const resolved = resolveQuery(one, write(pairs, encodeURIComponent));
        if (resolved.type === 'invalid') throw new Error(resolved.detail);
        const canonical = canonicalQuery(resolved.filters);
        expect(asked(one, canonical)).toBe(canonical);
        expect(canonical).toMatch(/^[!-~]*$/);
      }),
      { numRuns: 300 },
    );
  });

  test('different filters have different canonical queries', () => {
    fc.assert(
      fc.property(freeText, freeText, (a, b) => {
        const of = (value: string) => asked(events, `minDate=${encodeURIComponent(value)}`);
        expect(of(a) === of(b)).toBe(a === b);
      }),
    );
  });

  test('every unknown name is rejected, in any case and encoding', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...operations),
        fc.oneof(
          fc.string({ minLength: 1 }),
          fc.constantFrom('__proto__', 'constructor', 'toString', 'PageNum', 'pretty ', 'hasOwnProperty'),
        ),
        (one, name) => {
          fc.pre(name !== 'snapshot' && !one.queryParameters.some((known) => known.name === name));
          for (const encode of styles) {
            expect(resolveQuery(one, `${encode(name)}=true`)).toMatchObject({ type: 'invalid' });
          }
        },
      ),
    );
  });

  test('page numbers start at 1, and page sizes range from 1 to the maximum of the list', () => {
    for (const one of operations) {
      const required = write(
        one.queryParameters
          .filter((each) => each.required === true && each.default === undefined)
          .map(({ name }) => [name, 'x']),
        encodeURIComponent,
      );
      const refused = (query: string) => resolveQuery(one, `${query}&${required}`).type === 'invalid';
      const bad = ['pageNum=-1', 'pageNum=1e9', 'pageNum=NaN', 'pageNum=1.5', 'pageNum=1000000000'];
      for (const query of [
        ...bad,
        'pageNum=+1',
        'pageNum=0x1',
        'pageNum=%201',
        'itemsPerPage=-1',
        'itemsPerPage=',
      ]) {
        expect(refused(query), `${one.id}?${query}`).toBe(true);
      }
      const most = one.queryParameters.find(({ name }) => name === 'itemsPerPage')?.maximum;
      expect(refused(`itemsPerPage=${(most ?? 500) + 1}`), `${one.id}: more than ${most}`).toBe(true);
    }
  });

  test('no query makes it throw', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.constantFrom(
        '%',
        '%f',
        '%ff',
        '%00',
        '&',
        '=',
        ';',
        '#',
        '+',
        'pageNum=',
        'eventType=',
        '%ed%a0%80',
        '\ud800',
      ),
    );
    fc.assert(
      fc.property(fc.constantFrom(links, events), fc.array(piece), (one, pieces) => {
        const resolve = () => {
          const resolved = resolveQuery(one, pieces.join(''));
          if (resolved.type === 'resolved') canonicalQuery(resolved.filters);
        };
        expect(resolve).not.toThrow();
      }),
      { numRuns: 500 },
    );
  });
});

describe('the syntax of a query', () => {
  test.each([
    ['minDate=a%20b', 'minDate=a%20b', 'a space is escaped'],
    ['minDate=a+b', 'minDate=a%20b', 'a plus is a space'],
    ['minDate=a%2Bb', 'minDate=a%2Bb', 'an escaped plus is a plus'],
    ['minDate=a%3Bb', 'minDate=a%3Bb', 'an escaped semicolon is a semicolon'],
    ['minDate=a=b', 'minDate=a%3Db', 'only the first equals sign separates'],
    ['minDate=%2541', 'minDate=%2541', 'escapes are decoded once'],
    ['minDate=%c3%bc', 'minDate=%C3%BC', 'beyond ASCII'],
    ['%6dinDate=1', 'minDate=1', 'a name may be escaped'],
    ['minDate=', '', 'an empty value of a filter counts as absent'],
    ['minDate', '', 'so does a name alone'],
    ['eventType=&eventType=B', 'eventType=B', 'also together with another value'],
    ['minDate=1&maxDate=2', 'maxDate=2&minDate=1', 'sorted by name'],
    [
      'eventType=B&minDate=1&eventType=A&eventType=B',
      'eventType=A&eventType=B&minDate=1',
      'values sorted, each once',
    ],
    [
      'pretty=true&pageNum=3&envelope=true&itemsPerPage=7&includeCount=false',
      '',
      'page parameters are not filters',
    ],
  ])('%s is sent to Atlas as %j: %s', (query, canonical) => {
    expect(asked(events, query)).toBe(canonical);
  });

  test.each([
    ['minDate=a;maxDate=b', 'a raw semicolon'],
    ['minDate=a#b', 'a fragment'],
    ['minDate=a b', 'a raw space'],
    ['minDate=\u00fc', 'a raw byte beyond ASCII'],
    ['minDate=\ud800', 'half a surrogate pair'],
    ['minDate=%', 'a lone percent sign'],
    ['minDate=%4', 'half an escape'],
    ['minDate=%u0041', 'an escape of another kind'],
    ['minDate=%ff', 'invalid UTF-8'],
    ['minDate=%c0%80', 'an overlong NUL'],
    ['minDate=%00', 'NUL'],
    ['minDate=%0d%0aX:%201', 'a line break'],
    ['minDate=%7f', 'DEL'],
    ['minDate=%c2%9f', 'a C1 control character'],
    ['pageNum=', 'a page number without a value'],
    ['minDate=&minDate=', 'a repeated empty value'],
    ['=1', 'no name'],
    ['&', 'two empty parameters'],
    ['minDate=1&', 'a trailing empty parameter'],
    ['minDate=1&minDate=1', 'a repetition, even of the same value'],
    ['minDate=1&minDat%65=2', 'a repetition in another form'],
    ['mindate=1', 'a name in another case'],
    ['eventType[]=A', 'brackets for a repetition'],
    [`minDate=${'a'.repeat(1_025)}`, 'a long value'],
    [`eventType=${'a'.repeat(5_000)}`, 'a long query'],
    [Array.from({ length: 65 }, () => 'eventType=A').join('&'), 'many parameters'],
  ])('%s is refused: %s', (query) => {
    expect(resolveQuery(events, query)).toMatchObject({ type: 'invalid' });
  });

  test('the maximum number of parameters is accepted', () => {
    const query = Array.from({ length: 64 }, (_, index) => `eventType=T${index}`).join('&');
    expect(resolveQuery(events, query)).toMatchObject({ type: 'resolved', filters: { length: 64 } });
  });
});

describe('defaults and required parameters', () => {
  test('an omitted filter has its default from the catalog', () => {
    const invoices = operation('listOrgInvoices');
    expect(asked(invoices, '')).toBe('orderBy=desc&sortBy=END_DATE&viewLinkedInvoices=true');
    expect(asked(invoices, 'sortBy=END_DATE')).toBe(asked(invoices, ''));
    expect(asked(invoices, 'sortBy=START_DATE')).not.toBe(asked(invoices, ''));
  });

  test('a required parameter without a default must be present', () => {
    expect(resolveQuery(peerings, '')).toEqual({
      type: 'invalid',
      parameter: 'requesterAccountId',
      detail: 'requesterAccountId is required.',
    });
    expect(asked(peerings, 'requesterAccountId=4711')).toBe('requesterAccountId=4711');
  });

  test('a required parameter with a default may be omitted', () => {
    expect(asked(operation('listGroupContainers'), '')).toBe('providerName=AWS');
  });

  test('values must be in the enumeration or match the pattern', () => {
    expect(asked(operation('listGroupAlerts'), 'status=OPEN')).toBe('status=OPEN');
    expect(asked(operation('listGroupAlerts'), 'status=open')).toBe('invalid status');
    expect(asked(operation('listRateLimits'), 'groupId=x')).toBe('invalid groupId');
    expect(asked(operation('listRateLimits'), 'ipAddress=10.0.0.1')).toBe('ipAddress=10.0.0.1');
  });

  test('a time in milliseconds is an integer like any other', () => {
    expect(asked(indexes, 'since=1700000000000')).toBe('nExamples=5&since=1700000000000');
    expect(asked(indexes, 'since=1199145600000')).toBe('nExamples=5&since=1199145600000');
    for (const since of [
      '1199145599999',
      '9007199254740992',
      '1.7e12',
      '01700000000000',
      '1700000000000.0',
    ]) {
      expect(asked(indexes, `since=${since}`)).toBe('invalid since');
    }
  });

  test('page number times page size must fit in 32 bits', () => {
    expect(resolveQuery(links, 'pageNum=21474836&itemsPerPage=100').type).toBe('resolved');
    expect(resolveQuery(links, 'pageNum=21474837&itemsPerPage=100')).toMatchObject({ parameter: 'pageNum' });
  });
});

describe('the parameters of links', () => {
  test.each([
    ['', 'includeCount=true&'],
    ['includeCount=false', 'includeCount=false&'],
    ['pretty=true&minDate=1&envelope=true', 'includeCount=true&minDate=1&envelope=true&pretty=true&'],
  ])('of %j are %j', (query, expected) => {
    const resolved = resolveQuery(events, query);
    if (resolved.type === 'invalid') throw new Error(resolved.detail);
    expect(linkParameters(events, resolved.shape, resolved.filters)).toBe(expected);
  });

  test('are empty if the list has no count and the query has no parameters', () => {
    const resolved = resolveQuery(links, '');
    if (resolved.type === 'invalid') throw new Error(resolved.detail);
    expect(linkParameters(links, resolved.shape, resolved.filters)).toBe('');
  });
});
