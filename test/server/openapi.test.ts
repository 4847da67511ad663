import { brotliDecompressSync } from 'node:zlib';
import { Validator } from '@seriousme/openapi-schema-validator';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCatalog, type Parameter } from '../../src/atlas/catalog.ts';
import { operations } from '../../src/atlas/operations.ts';
import { acceptsZero, resolveQuery } from '../../src/atlas/query.ts';
import { createTokens } from '../../src/gateway/auth/token-service.ts';
import { STATUS_BY_CODE } from '../../src/gateway/gateway-error.ts';
import { createSystemClock } from '../../src/lib/clock.ts';
import { createSystemRandom } from '../../src/lib/random.ts';
import { createLandingRoutes } from '../../src/server/landing/routes.ts';
import { createOauthRoutes } from '../../src/server/oauth-routes.ts';
import { describePublic } from '../../src/server/openapi.ts';
import { describeAdmin } from '../../src/server/openapi-admin.ts';
import { createDescriptionRoutes } from '../../src/server/openapi-routes.ts';
import { responseOf } from '../../src/server/reply.ts';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';

import { ask, CALLER_KEY, linksOf, type Running, startGateway } from '../support/running.ts';

interface Schema {
  readonly type?: string;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly enum?: readonly string[];
  readonly items?: Schema;
}

interface DescribedParameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required?: boolean;
  readonly schema: Schema;
}

interface DescribedOperation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly description?: string;
  readonly security?: readonly unknown[];
  readonly parameters?: readonly DescribedParameter[];
  readonly responses: Readonly<
    Record<string, { headers?: Record<string, unknown>; content?: Record<string, Record<string, unknown>> }>
  >;
}

/** A document with its references resolved. */
function resolved(document: unknown): { paths: Record<string, Record<string, DescribedOperation>> } {
  const root = JSON.parse(JSON.stringify(document));
  const inline = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(inline);
    if (typeof node !== 'object' || node === null) return node;
    if ('$ref' in node && typeof node.$ref === 'string') {
      let found: unknown = root;
      for (const part of node.$ref.slice(2).split('/')) found = (found as Record<string, unknown>)[part];
      expect(found, node.$ref).toBeDefined();
      return inline(found);
    }
    return Object.fromEntries(Object.entries(node).map(([name, value]) => [name, inline(value)]));
  };
  return inline(root) as ReturnType<typeof resolved>;
}

/** Converts a described parameter to the form of the catalog. */
function asCatalog({ name, required, schema }: DescribedParameter): Parameter {
  const { type, default: standard, minimum, maximum, pattern, enum: values } = { ...schema.items, ...schema };
  return {
    name,
    type: type as Parameter['type'],
    ...(required === undefined ? {} : { required }),
    ...(standard === undefined ? {} : { default: standard as string }),
    ...(minimum === undefined ? {} : { minimum }),
    ...(maximum === undefined ? {} : { maximum }),
    ...(pattern === undefined ? {} : { pattern }),
    ...(values === undefined ? {} : { enum: values }),
  };
}

const described = resolved(describePublic('1.2.3'));
const byName = (one: { name: string }, other: { name: string }) => (one.name < other.name ? -1 : 1);

describe.each([
  ['public', describePublic('1.2.3')],
  ['admin', describeAdmin('1.2.3')],
])('the %s description', (_name, document) => {
  test('is valid OpenAPI 3.1', async () => {
    const validator = new Validator();
    const result = await validator.validate(JSON.parse(JSON.stringify(document)));
    expect(result.errors ?? []).toEqual([]);
    expect([result.valid, validator.version]).toEqual([true, '3.1']);
  });

  test('has no dangling references, unique operation ids, and a description of every path parameter', () => {
    const { paths } = resolved(document);
    const all = Object.entries(paths).flatMap(([path, methods]) =>
      Object.values(methods).map((operation) => ({ path, ...operation })),
    );
    const ids = all.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { path, parameters = [] } of all) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();
      expect(
        parameters
          .filter((one) => one.in === 'path')
          .map(({ name }) => name)
          .sort(),
      ).toEqual(inPath);
    }
  });

  test('has no unused components', () => {
    const text = JSON.stringify(document);
    const { components } = JSON.parse(text) as { components: Record<string, Record<string, unknown>> };
    for (const [kind, named] of Object.entries(components)) {
      if (kind === 'securitySchemes') continue;
      for (const name of Object.keys(named))
        expect(text.includes(`"#/components/${kind}/${name}"`), name).toBe(true);
    }
  });
});

describe('the operations in it', () => {
  const catalog = createCatalog(operations);

  test.each(operations.map((operation) => [operation.id, operation] as const))(
    '%s has the parameters, versions and tag that it is served with',
    (id, operation) => {
      const found = described.paths[operation.path]?.['get'];
      expect(found?.operationId).toBe(id);
      expect(found?.tags).toEqual([operation.tag]);
      const parameters = found?.parameters ?? [];
      const inPlace = (place: string) =>
        parameters.filter((one) => one.in === place && one.name !== 'snapshot').map(asCatalog);
      expect(inPlace('path').sort(byName)).toEqual(
        operation.pathParameters.map((one) => ({ ...one, required: true })).sort(byName),
      );
      const served = operation.queryParameters.map((one) =>
        acceptsZero(one) ? { ...one, minimum: 0 } : one,
      );
      expect(inPlace('query').sort(byName)).toEqual(served.sort(byName));
      expect(Object.keys(found?.responses['200']?.content ?? {})).toEqual(
        operation.versions.map(({ name }) => `application/vnd.atlas.${name}+json`),
      );
      for (const { name } of operation.headerParameters)
        expect(inPlace('header').map((one) => one.name)).toContain(name);
      const isPaged = parameters.some(({ name }) => name === 'snapshot');
      expect(isPaged).toBe(operation.kind === 'list');
      if (operation.alias !== undefined) expect(found?.description).toContain(operation.alias);
    },
  );

  test('are exactly those that the catalog matches', () => {
    const lists = Object.keys(described.paths).filter((path) => path.startsWith('/api/atlas/'));
    expect(lists.sort()).toEqual(operations.map(({ path }) => path).sort());
  });

  test('the gateway accepts exactly the values that the schema of a parameter allows', () => {
    const queryParameters = Object.entries(described.paths).flatMap(([path, { get }]) =>
      (get?.parameters ?? []).flatMap((parameter) => (parameter.in === 'query' ? [{ path, parameter }] : [])),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...queryParameters),
        fc.integer({ min: -2, max: 1_000 }),
        ({ path, parameter }, number) => {
          const operation = operations.find((one) => one.path === path);
          if (operation === undefined || parameter.schema.type !== 'integer') return;
          const { minimum = -Infinity, maximum = Infinity } = parameter.schema;
          const rest = operation.queryParameters
            .filter(({ required, name }) => required === true && name !== parameter.name)
            .map(({ name }) => `&${name}=x`);
          const { type } = resolveQuery(operation, `${parameter.name}=${number}${rest.join('')}`);
          if (number < minimum || number > maximum) expect(type).toBe('invalid');
          else if (rest.length === 0) expect(type).toBe('resolved');
        },
      ),
    );
    for (const { path, parameter } of queryParameters) {
      const operation = operations.find((one) => one.path === path);
      const values = parameter.schema.enum ?? parameter.schema.items?.enum ?? [];
      for (const value of values) {
        if (operation === undefined) continue;
        const { type } = resolveQuery(operation, `${parameter.name}=${encodeURIComponent(value)}`);
        expect([path, parameter.name, type]).toEqual([path, parameter.name, 'resolved']);
      }
      expect(operation === undefined ? 'unknown' : catalog.find(operation.id)?.id).toBe(operation?.id);
    }
  });
});

describe('errors in it', () => {
  test('are all codes of the gateway, by status', () => {
    const text = JSON.stringify(describePublic('1.2.3'));
    const { components } = JSON.parse(text);
    expect(components.schemas.GatewayErrorCode.enum).toEqual(Object.keys(STATUS_BY_CODE));
    for (const { path } of operations) {
      const responses = described.paths[path]?.['get']?.responses ?? {};
      for (const status of new Set(Object.values(STATUS_BY_CODE)))
        expect(Object.keys(responses)).toContain(String(status));
    }
    for (const [code, status] of Object.entries(STATUS_BY_CODE))
      expect(components.responses[`Error${status}`].description).toContain(`\`${code}\``);
  });
});

describe('a running gateway', () => {
  let running: Running;
  beforeAll(async () => {
    running = await startGateway();
  });
  afterAll(() => running.stop());

  test('serves it without credentials', async () => {
    const reply = await ask(running.origin, '/openapi.json');
    expect(reply.status).toBe(200);
    expect(reply.headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'public, max-age=300',
      'content-length': String(reply.body.length),
    });
    expect(JSON.parse(reply.text)).toEqual(JSON.parse(JSON.stringify(describePublic('0.0.0'))));
  });

  test('answers 304 to a matching If-None-Match, and br to clients that accept it', async () => {
    const first = await ask(running.origin, '/openapi.json', { headers: { 'accept-encoding': 'br, gzip' } });
    expect(first.headers).toMatchObject({ 'content-encoding': 'br', vary: 'Accept-Encoding' });
    expect(JSON.parse(brotliDecompressSync(first.body).toString())).toHaveProperty('openapi', '3.1.1');
    const again = await ask(running.origin, '/openapi.json', {
      headers: { 'accept-encoding': 'br', 'if-none-match': first.headers['etag'] ?? '' },
    });
    expect([again.status, again.body.length]).toEqual([304, 0]);
    const headed = await ask(running.origin, '/openapi.json', { method: 'HEAD' });
    expect([headed.status, headed.body.length]).toEqual([200, 0]);
  });

  test('describes every route, and serves every described path', async () => {
    const clock = createSystemClock();
    const tokens = createTokens({ signingKey: new Uint8Array(32) }, { clock, random: createSystemRandom() });
    const routes = [
      ...createOauthRoutes(tokens, {
        reply: (_context, answer) => responseOf(answer),
        report: () => undefined,
      }).routes,
      ...createDescriptionRoutes('public', '').routes,
      ...createLandingRoutes({
        operations,
        access: {
          authenticate: () => ({ type: 'unauthenticated', reason: 'wrong-secret' }),
          acquireRequest: () => 0,
        },
        projectNames: () => new Map(),
        publicUrl: () => '',
        clock,
        version: '',
        report: () => undefined,
      }).routes,
    ];
    // The 405 handlers are not operations.
    for (const { path, method } of routes.filter((route) => route.method !== 'ALL'))
      expect(Object.keys(described.paths[path.replace('*', '{path}')] ?? {})).toContain(method.toLowerCase());
    for (const [path, methods] of Object.entries(described.paths)) {
      if (path.startsWith('/api/atlas/')) continue;
      for (const [method, { responses }] of Object.entries(methods)) {
        const reply = await ask(running.origin, path.replace('{path}', 'anything'), {
          method: method.toUpperCase(),
          ...(method === 'post' ? { body: '{}' } : {}),
        });
        expect([path, Object.keys(responses)]).toEqual([
          path,
          expect.arrayContaining([String(reply.status)]),
        ]);
      }
    }
  });

  test('describes both forms of its introduction, and the page for a key', async () => {
    const about = described.paths['/']?.['get']?.responses['200']?.content ?? {};
    expect(Object.keys(about)).toEqual(['text/plain', 'text/html']);
    for (const accept of Object.keys(about)) {
      const reply = await ask(running.origin, '/', { headers: { accept } });
      expect(reply.headers['content-type']?.toLowerCase()).toBe(`${accept}; charset=utf-8`);
    }
    const access = described.paths['/access']?.['post']?.responses ?? {};
    const body = `key=${CALLER_KEY}`;
    for (const [status, form] of [
      ['200', body],
      ['401', 'key=wrong'],
    ] as const) {
      const reply = await ask(running.origin, '/access', { method: 'POST', body: form });
      expect(String(reply.status)).toBe(status);
      expect(Object.keys(access[status]?.content ?? {})).toEqual(['text/html']);
    }
  });

  test('answers a list with the described headers', async () => {
    const { get } = described.paths['/api/atlas/v2/groups/{groupId}/streams/privateLinkConnections'] ?? {};
    const reply = await running.get(linksOf(SAMPLE_PROJECTS.orders));
    const names = Object.keys(get?.responses['200']?.headers ?? {});
    expect(names.length).toBeGreaterThan(5);
    for (const name of names.filter((one) => one !== 'Deprecation' && one !== 'Sunset'))
      expect(Object.keys(reply.headers)).toContain(name.toLowerCase());
    const refused = await running.get(linksOf({ id: 'nothing' }));
    const refusalNames = Object.keys(get?.responses[String(refused.status)]?.headers ?? {});
    expect(refusalNames).toContain('X-Error-Code');
    for (const name of refusalNames) expect(Object.keys(refused.headers)).toContain(name.toLowerCase());
  });

  test.each(Object.entries(resolved(describeAdmin('')).paths).filter(([path]) => path !== '/openapi.json'))(
    'serves %s on the admin listener',
    async (path, methods) => {
      for (const [method, { responses }] of Object.entries(methods)) {
        const target = path.replace('{projectId}', SAMPLE_PROJECTS.orders.id);
        const reply = await ask(running.admin, target, {
          method: method.toUpperCase(),
          headers: { host: new URL(running.admin).host },
        });
        expect(reply.status).toBe(200);
        expect(Object.keys(responses)).toContain('200');
      }
    },
  );
});
