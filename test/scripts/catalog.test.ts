import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-catalog-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const description = {
  paths: {
    '/api/atlas/v2/groups/{groupId}/things': {
      get: {
        operationId: 'listGroupThings',
        'x-xgen-operation-id-override': 'listThings',
        tags: ['Things'],
        parameters: [
          { $ref: '#/components/parameters/groupId' },
          { in: 'query', name: 'pageNum', schema: { type: 'integer', default: 1, minimum: 1 } },
          { in: 'query', name: 'itemsPerPage', schema: { type: 'integer', default: 100, minimum: 1 } },
          { in: 'query', name: 'state', schema: { $ref: '#/components/schemas/State' } },
        ],
        responses: {
          '200': {
            content: {
              'application/vnd.atlas.2024-01-01+json': { schema: { properties: { results: {} } } },
              'application/vnd.atlas.2023-01-01+json': { 'x-sunset': '2027-01-01' },
            },
          },
        },
      },
    },
    '/api/atlas/v2/groups/{groupId}/report': {
      get: {
        operationId: 'downloadReport',
        responses: { '200': { content: { 'application/vnd.atlas.2024-01-01+csv': {} } } },
      },
    },
    '/api/atlas/v2/groups/{groupId}/users': { post: { operationId: 'addUser' } },
  },
  components: {
    parameters: {
      groupId: {
        in: 'path',
        name: 'groupId',
        required: true,
        schema: { type: 'string', pattern: '^([a-f0-9]{24})$' },
      },
    },
    schemas: { State: { type: 'string', enum: ['ON', 'OFF'] } },
  },
};

test('the catalog is rebuilt from an OpenAPI description, with a report of what changed', () => {
  const [input, output] = [join(folder, 'openapi.json'), join(folder, 'operations.ts')];
  writeFileSync(input, JSON.stringify(description));
  const built = spawnSync(process.execPath, ['scripts/catalog/build.mjs', input, output], {
    encoding: 'utf8',
  });
  expect(built.stderr).toBe('');
  expect(built.stdout).toContain('added    listGroupThings  /api/atlas/v2/groups/{groupId}/things\n');
  expect(built.stdout).toContain('removed  listGroupStreamPrivateLinkConnections\n');
  expect(built.stdout).toContain('1 operations written');
  const source = readFileSync(output, 'utf8');
  expect(source).toContain(
    '{"id":"listGroupThings","alias":"listThings","path":"/api/atlas/v2/groups/{groupId}/things","kind":"list","tag":"Things","versions":[{"name":"2023-01-01","sunset":"2027-01-01"},{"name":"2024-01-01"}],"endpointSet":"things","sensitivity":"secret","cacheUnit":"whole"',
  );
  expect(source).toContain('{"name":"groupId","type":"string","required":true,"pattern":"^([a-f0-9]{24})$"}');
  expect(source).toContain(
    '{"name":"itemsPerPage","type":"integer","default":100,"minimum":1,"maximum":500}',
  );
  expect(source).toContain('{"name":"state","type":"string","enum":["ON","OFF"]}');
});

test('without a description it says what it needs', () => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/catalog/build.mjs'], { encoding: 'utf8' });
  expect(status).toBe(2);
  expect(stderr).toContain('usage: npm run catalog -- FILE');
});

test('the page of all lists is the one of this catalog', () => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/operations-page.mjs', '--check'], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
});
