import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { describeChanges } from '../../scripts/catalog/changes.mjs';
import { generate } from '../../scripts/catalog/generate.mjs';
import { SENSITIVITY_GROUPS, sensitivityOf } from '../../scripts/catalog/sensitivity.mjs';
import { operations } from '../../src/atlas/operations.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-catalog-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const JSON_2024 = 'application/vnd.atlas.2024-01-01+json';
const PATH = '/api/atlas/v2/groups/{groupId}/clusters';
const groupId = {
  in: 'path',
  name: 'groupId',
  required: true,
  schema: { type: 'string', pattern: '^([a-f0-9]{24})$' },
};
const page = { in: 'query', name: 'pageNum', schema: { type: 'integer', default: 1, minimum: 1 } };
const answering = (...mediaTypes: string[]) => ({
  '200': {
    content: Object.fromEntries(
      mediaTypes.map((name) => [name, { schema: { $ref: '#/components/schemas/Page' } }]),
    ),
  },
});

const list = {
  operationId: 'listGroupClusters',
  'x-xgen-operation-id-override': 'listClusters',
  tags: ['Clusters'],
  parameters: [
    { $ref: '#/components/parameters/groupId' },
    { in: 'query', name: 'itemsPerPage', schema: { type: 'integer', default: 100, minimum: 1 } },
    page,
    { in: 'query', name: 'includeDeleted', schema: { type: 'boolean', default: false } },
    { in: 'query', name: 'state', schema: { $ref: '#/components/schemas/State' } },
    { in: 'header', name: 'Use-Effective-Instance-Fields', schema: { type: 'boolean', default: false } },
  ],
  responses: {
    '200': {
      content: {
        [JSON_2024]: { schema: { $ref: '#/components/schemas/Page' } },
        'application/vnd.atlas.2023-01-01+json': { 'x-sunset': '2027-01-01' },
        'application/vnd.atlas.2023-01-01+csv': {},
      },
    },
  },
};
const download = {
  operationId: 'downloadLog',
  parameters: [groupId],
  responses: { '200': { content: { 'application/vnd.atlas.2024-01-01+gzip': {} } } },
};
const components = {
  parameters: { groupId },
  schemas: {
    State: { type: 'string', enum: ['ON', 'OFF'] },
    Page: { allOf: [{ $ref: '#/components/schemas/Page' }], properties: { results: { type: 'array' } } },
  },
};
const whole = {
  openapi: '3.0.1',
  paths: {
    [PATH]: { get: list },
    '/api/atlas/v2/groups/{groupId}/log.gz': { get: download },
    '/api/atlas/v2/groups/{groupId}/users': { post: { operationId: 'addUser' } },
  },
  components,
};

/** A description whose only read is the list of clusters, changed. */
const withList = (changed: object) => ({ ...whole, paths: { [PATH]: { get: { ...list, ...changed } } } });
const withParameter = (parameter: object) => withList({ parameters: [groupId, parameter] });
const withSchema = (schema: object) => withParameter({ in: 'query', name: 'state', schema });
const problemsOf = (description: unknown) =>
  generate(JSON.stringify(description)).problems?.join('\n') ?? 'none';

describe('a description that is understood', () => {
  const { source = '' } = { source: '', ...generate(JSON.stringify(whole)) };

  test('becomes the source of the catalog', () => {
    expect(source).toContain(
      `{"id":"listGroupClusters","alias":"listClusters","path":"${PATH}","kind":"list","tag":"Clusters","versions":[{"name":"2023-01-01","sunset":"2027-01-01"},{"name":"2024-01-01"}],"endpointSet":"clusters","sensitivity":"open","cacheUnit":"whole"`,
    );
    expect(source).toContain(
      '{"name":"groupId","type":"string","required":true,"pattern":"^([a-f0-9]{24})$"}',
    );
    expect(source).toContain(
      '{"name":"itemsPerPage","type":"integer","default":100,"minimum":1,"maximum":500}',
    );
    expect(source).toContain('{"name":"state","type":"string","enum":["ON","OFF"]}');
  });

  test('keeps header parameters and defaults that are false', () => {
    expect(source).toContain('{"name":"includeDeleted","type":"boolean","default":false}');
    expect(source).toContain(
      '"headerParameters":[{"name":"Use-Effective-Instance-Fields","type":"boolean","default":false}]',
    );
  });

  test('keeps downloads and reads with a body as not served', () => {
    expect(source).toContain(
      '{"id":"downloadLog","path":"/api/atlas/v2/groups/{groupId}/log.gz","reason":"download"}',
    );
    const withBody = generate(JSON.stringify(withList({ requestBody: {} })));
    expect(withBody).toMatchObject({ operations: [], unserved: [{ reason: 'takes-body' }] });
  });

  test('may also be YAML', () => {
    expect(generate(stringify(whole, { aliasDuplicateObjects: false }))).toEqual(
      generate(JSON.stringify(whole)),
    );
  });
});

describe('a description that is not understood is refused, with the place', () => {
  const circle = {
    ...whole,
    components: {
      ...components,
      parameters: {
        groupId: { $ref: '#/components/parameters/other' },
        other: { $ref: '#/components/parameters/groupId' },
      },
    },
  };
  const twice = {
    ...whole,
    paths: { ...whole.paths, '/api/atlas/v2/clusters': { get: { ...list, parameters: [] } } },
  };
  test.each<[title: string, description: unknown, problem: string]>([
    ['a list', [], 'openapi: is not a version 3 of OpenAPI; is this the description of the API?'],
    ['another version', { ...whole, swagger: '2.0', openapi: undefined }, 'openapi: is not a version 3'],
    ['no paths', { openapi: '3.0.1' }, 'paths: is missing'],
    ['no reads', { openapi: '3.0.1', paths: {} }, 'paths: there is no GET operation'],
    ['no operationId', withList({ operationId: undefined }), `GET ${PATH}: has no operationId`],
    [
      'an unreviewed operation',
      withList({ operationId: 'listNew' }),
      `GET ${PATH} (listNew): decide its sensitivity in scripts/catalog/sensitivity.mjs`,
    ],
    [
      'the same id twice',
      twice,
      `GET /api/atlas/v2/clusters: listGroupClusters is also the name of GET ${PATH}`,
    ],
    [
      'the same older name twice',
      twice,
      `GET /api/atlas/v2/clusters: listClusters is also the name of GET ${PATH}`,
    ],
    [
      'a $ref in a circle',
      circle,
      `GET ${PATH} (listGroupClusters) parameters[0]: $ref #/components/parameters/groupId leads in a circle`,
    ],
    [
      'a $ref to nothing',
      withParameter({ $ref: '#/components/parameters/none' }),
      'parameters[1]: $ref #/components/parameters/none leads nowhere',
    ],
    ['a $ref to a prototype', withParameter({ $ref: '#/constructor' }), '$ref #/constructor leads nowhere'],
    [
      'a $ref to another file',
      withParameter({ $ref: 'other.yaml#/a' }),
      '$ref other.yaml#/a leads out of the description',
    ],
    [
      'a cookie',
      withParameter({ ...page, in: 'cookie' }),
      'parameter pageNum: place cookie is not understood',
    ],
    [
      'a parameter twice',
      withList({ parameters: [groupId, page, page] }),
      'has two query parameters pageNum',
    ],
    [
      'a path parameter without description',
      withList({ parameters: [] }),
      'does not describe groupId of its path',
    ],
    [
      'a parameter that is not in the path',
      withParameter({ ...groupId, name: 'orgId' }),
      'the path does not contain orgId',
    ],
    ['no schema', withParameter({ in: 'query', name: 'state' }), 'parameter state: has no schema'],
    [
      'a number',
      withSchema({ type: 'number' }),
      'parameter state: type number is not one of boolean, integer, string, array',
    ],
    ['an object', withSchema({ type: 'object' }), 'type object is not one of'],
    ['alternatives', withSchema({ oneOf: [] }), 'oneOf is not understood'],
    ['a default list', withSchema({ type: 'array', default: ['a'] }), 'a default is not a single value'],
    [
      'items that are numbers',
      withSchema({ type: 'array', items: { type: 'integer' } }),
      'items of type integer are not strings',
    ],
    [
      'values joined by commas',
      withParameter({ in: 'query', name: 'state', explode: false, schema: { type: 'array' } }),
      'explode: false is not understood',
    ],
    [
      'a broken pattern',
      withSchema({ type: 'string', pattern: '(' }),
      'pattern ( is not a regular expression',
    ],
    [
      'another media type',
      withList({ responses: answering('application/json') }),
      'media type application/json is not understood',
    ],
    ['no response', withList({ responses: {} }), 'has no content in its response 200'],
    [
      'a sunset that is not a date',
      withList({ responses: { '200': { content: { [JSON_2024]: { 'x-sunset': 'soon' } } } } }),
      'x-sunset soon is not a date',
    ],
    [
      'another API',
      {
        ...whole,
        paths: { '/api/atlas/v1.0/groups/{groupId}': { get: { ...list, parameters: [groupId] } } },
      },
      'its path is not understood',
    ],
    [
      'an element without its list',
      {
        ...whole,
        paths: {
          [`${PATH}/{clusterName}`]: {
            get: {
              operationId: 'getGroupCluster',
              parameters: [groupId, { ...groupId, name: 'clusterName' }],
              responses: answering(JSON_2024),
            },
          },
        },
      },
      'elements.mjs: listGroupClusters is not a list',
    ],
  ])('%s', (_title, description, problem) => {
    expect(problemsOf(description)).toContain(problem);
  });

  test.each<[title: string, text: string, problem: RegExp]>([
    ['an empty file', ' \n', /^is empty$/],
    [
      'a file that was cut off',
      JSON.stringify(whole, null, 1).slice(0, 900),
      /^line \d+, column \d+: .*The file may have been cut off$/,
    ],
    [
      'a key that appears twice',
      '{"openapi":"3.0.1",\n"paths":{},"paths":{}}',
      /^line 2, column 12: Map keys must be unique$/,
    ],
    ['a file that is not YAML', 'a: b: c', /^line 1, column 4: Nested mappings/],
    ['deep nesting', '['.repeat(100_000), /^is nested too deeply$/],
    [
      'a cyclic alias',
      'openapi: 3.0.1\npaths: &a\n  x: *a',
      /^contains YAML aliases, which could be cyclic; use \$ref$/,
    ],
    [
      'a huge file',
      `{"a":"${'x'.repeat(33 * 1024 * 1024)}"}`,
      /^has \d+ characters; a description has at most 33554432$/,
    ],
  ])('%s', (_title, text, problem) => {
    expect(generate(text).problems).toEqual([expect.stringMatching(problem)]);
  });

  test('all problems are reported, and one operation does not hide those of another', () => {
    const paths = { ...withSchema({ type: 'number' }).paths, '/api/atlas/v2/groups': { get: {} } };
    expect(generate(JSON.stringify({ ...whole, paths })).problems).toHaveLength(2);
  });
});

describe('changes in words', () => {
  const operation = {
    id: 'listA',
    path: '/a',
    kind: 'list',
    tag: 'A',
    sensitivity: 'open',
    versions: [{ name: '2023-01-01' }],
    pathParameters: [],
    queryParameters: [{ name: 'x', type: 'boolean', default: false }],
    headerParameters: [],
  };
  test.each<[title: string, before: object[], after: object[], lines: string[]]>([
    ['nothing', [operation], [operation], []],
    ['a new operation', [], [operation], ['added    listA  /a  (list, open)']],
    [
      'a new download',
      [],
      [{ id: 'd', path: '/d', reason: 'download' }],
      ['added    d  /d  (not served: download)'],
    ],
    ['an operation that is gone', [operation], [], ['removed  listA  /a']],
    [
      'sensitivity',
      [operation],
      [{ ...operation, sensitivity: 'secret' }],
      ['changed  listA: sensitivity open → secret'],
    ],
    ['an older name', [operation], [{ ...operation, alias: 'b' }], ['changed  listA: alias none → b']],
    [
      'versions',
      [operation],
      [{ ...operation, versions: [{ name: '2024-01-01', sunset: '2027-01-01' }] }],
      [
        'changed  listA: version 2024-01-01 added (until 2027-01-01)',
        'changed  listA: version 2023-01-01 removed',
      ],
    ],
    [
      'a sunset',
      [operation],
      [{ ...operation, versions: [{ name: '2023-01-01', sunset: '2027-01-01' }] }],
      ['changed  listA: version 2023-01-01: sunset none → 2027-01-01'],
    ],
    [
      'parameters',
      [operation],
      [
        {
          ...operation,
          queryParameters: [{ name: 'y', type: 'string', required: true }],
          headerParameters: [{ name: 'H', type: 'boolean' }],
        },
      ],
      [
        'changed  listA: query parameter y added (string, required)',
        'changed  listA: query parameter x removed',
        'changed  listA: header parameter H added (boolean)',
      ],
    ],
    [
      'a default',
      [operation],
      [{ ...operation, queryParameters: [{ name: 'x', type: 'boolean', default: true }] }],
      ['changed  listA: query parameter x: default false → true'],
    ],
  ])('%s', (_title, before, after, lines) => {
    expect(describeChanges(before, after)).toEqual(lines);
  });
});

describe('npm run catalog', () => {
  const run = (...given: string[]) =>
    spawnSync(process.execPath, ['scripts/catalog/build.mjs', ...given], { encoding: 'utf8' });

  test('writes the catalog and prints every change', () => {
    const [input, output] = [join(folder, 'openapi.yaml'), join(folder, 'operations.ts')];
    writeFileSync(input, stringify(whole, { aliasDuplicateObjects: false }));
    const { stderr, stdout } = run(input, output);
    expect(stderr).toBe('');
    expect(stdout).toContain(
      'added    downloadLog  /api/atlas/v2/groups/{groupId}/log.gz  (not served: download)\n',
    );
    expect(stdout).toContain('removed  listGroupStreamPrivateLinkConnections  /api/atlas/v2/groups/');
    expect(stdout).toContain('changed  listGroupClusters: version 2024-08-05 removed\n');
    expect(stdout).toContain('1 operations written');
    expect(readFileSync(output, 'utf8')).toContain('"listGroupClusters"');
  });

  test('writes nothing if the description is refused', () => {
    const [input, output] = [join(folder, 'refused.json'), join(folder, 'not-written.ts')];
    writeFileSync(input, '{"openapi":');
    const { status, stderr } = run(input, output);
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/^.*refused\.json: line 1, column .*\nNothing was written\.\n$/),
    ]);
    expect(() => readFileSync(output)).toThrow('ENOENT');
  });

  test('says what it needs', () => {
    expect(run()).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('usage: npm run catalog -- FILE'),
    });
    const absent = join(folder, 'absent.json');
    expect(run(absent)).toMatchObject({ status: 1, stderr: `${absent}: cannot be read (ENOENT)\n` });
  });
});

test('the table of sensitivity contains every operation of the catalog once, and no other', () => {
  const reviewed = SENSITIVITY_GROUPS.flatMap((group) => group.operations);
  expect(reviewed.sort()).toEqual(operations.map(({ id }) => id).sort());
  for (const { id, sensitivity } of operations) expect(sensitivityOf(id)?.sensitivity).toBe(sensitivity);
});

test('the page of all operations is the one of this catalog', () => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/operations-page.mjs', '--check'], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
});
