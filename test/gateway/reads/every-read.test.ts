import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Operation } from '../../../src/atlas/catalog.ts';
import { operations } from '../../../src/atlas/operations.ts';
import { isObject, type Json, writeJson } from '../../../src/simulator/pages.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';
import { ANYBODY, createRequestGateway, type RequestGateway } from '../../support/request-gateway.ts';
import { filtersOf, pathOf, required, sampleOf } from '../../support/sample-requests.ts';
import { createScriptedAtlas, type ScriptedAtlas } from '../../support/scripted-atlas.ts';

const TODAY = '2026-08-10';

let clock: FakeClock;
let atlas: ScriptedAtlas;
let gateway: RequestGateway;
/** What Atlas has under every path: in an array, as a text, or in an object that may also be a page of a list. */
let value: Json;

function contentOf(operation: Pick<Operation, 'kind' | 'scalar'> | undefined): Json {
  if (operation?.kind === 'array') return [value];
  if (operation?.scalar === true) return writeJson(value, false);
  return { links: [], results: [value], totalCount: 1 };
}

beforeEach(() => {
  clock = createFakeClock();
  atlas = createScriptedAtlas({ clock });
  value = {};
  const byPath = new Map(operations.map((one) => [pathOf(one), one]));
  atlas.answerWith((path) => ({ body: writeJson(contentOf(byPath.get(path)), false) }));
  // Room for all of them.
  gateway = createRequestGateway({ exchange: atlas.exchange, cache: { maxBytes: '256MiB' } }, { clock });
});

/** A response that needs time to pass, and the calls to Atlas that it took. */
async function ask(...[target, options]: Parameters<RequestGateway['ask']>) {
  const before = atlas.calls.length;
  const waiting = gateway.ask(target, options);
  await clock.advance(0);
  const reply = await waiting;
  return { ...reply, calls: atlas.calls.length - before };
}

const versionsOf = ({ versions }: Operation) =>
  versions.filter(({ sunset }) => sunset === undefined || sunset > TODAY).map(({ name }) => name);
/** The newest date of the whole API. */
const NEWEST = operations
  .flatMap(({ versions }) => versions.map(({ name }) => name))
  .filter((name) => name !== 'preview')
  .toSorted()
  .at(-1);
const acceptOf = (version = '') => `application/vnd.atlas.${version}+json`;
const living = operations.filter((operation) => versionsOf(operation).length > 0);
const documents = living.filter(({ kind }) => kind !== 'list');

/** A target with these query parameters, and those that are required. */
function targetOf(operation: Operation, query: readonly string[] = []): string {
  const given = new Set(query.map((parameter) => decodeURIComponent(parameter.split('=')[0] ?? '')));
  const missing = required(operation).filter((parameter) => !given.has(parameter.split('=')[0] ?? ''));
  const all = [...missing, ...query];
  return `${pathOf(operation)}${all.length === 0 ? '' : `?${all.join('&')}`}`;
}

/** All filters with a value, and all defaults. */
const fullQuery = (operation: Operation) =>
  operation.queryParameters.map((parameter) => {
    const { name, default: defaultValue } = parameter;
    const isFilter = filtersOf(operation).includes(parameter);
    const written = defaultValue ?? (isFilter ? sampleOf(parameter, 3) : undefined);
    return written === undefined ? '' : `${name}=${encodeURIComponent(String(written))}`;
  });

/** Another spelling of the same query: in another order, with letters that are encoded without need. */
const respelled = (query: readonly string[]) =>
  query.toReversed().map((parameter) => {
    const [name = '', text = ''] = parameter.split('=');
    const first = name.charCodeAt(0).toString(16);
    return `%${first}${name.slice(1)}=${text}`;
  });

describe('every read', () => {
  test('shares one entry between equivalent requests', async () => {
    for (const operation of living) {
      const query = fullQuery(operation).filter((parameter) => parameter !== '');
      const accept = acceptOf(versionsOf(operation).at(-1) ?? '');
      const first = await ask(targetOf(operation, query), { accept });
      expect([operation.id, first.status, first.calls]).toEqual([operation.id, 200, 1]);
      const again = await ask(targetOf(operation, respelled(query)), { accept });
      expect([operation.id, again.calls, again.headers['etag']]).toEqual([
        operation.id,
        0,
        first.headers['etag'],
      ]);
    }
  });

  test('takes defaults that are written out for defaults', async () => {
    for (const operation of living) {
      const accept = acceptOf(versionsOf(operation).at(-1) ?? '');
      const defaults = operation.queryParameters.flatMap(({ name, default: written }) =>
        written === undefined ? [] : [`${name}=${written}`],
      );
      const calls = [
        (await ask(targetOf(operation), { accept })).calls,
        (await ask(targetOf(operation, defaults), { accept })).calls,
      ];
      expect([operation.id, ...calls]).toEqual([operation.id, 1, 0]);
    }
  });

  test('keeps versions apart, and resolves a later date down', async () => {
    for (const operation of living) {
      const versions = versionsOf(operation);
      for (const version of versions) {
        const reply = await ask(targetOf(operation), { accept: acceptOf(version) });
        expect([operation.id, reply.calls, reply.headers['content-type']]).toEqual([
          operation.id,
          1,
          `${acceptOf(version)};charset=utf-8`,
        ]);
      }
      const newest = versions.findLast((version) => version !== 'preview');
      if (newest === undefined) continue;
      const later = await ask(targetOf(operation), { accept: acceptOf(NEWEST) });
      expect([operation.id, later.calls, later.headers['content-type']]).toEqual([
        operation.id,
        0,
        `${acceptOf(newest)};charset=utf-8`,
      ]);
    }
  });

  test('is forbidden before the cache is asked', async () => {
    const nobody = { ...ANYBODY, name: 'nobody', operations: new Set<string>() };
    const outsider = {
      ...ANYBODY,
      name: 'outsider',
      projects: new Set<string>(),
      organizations: new Set<string>(),
    };
    for (const operation of living) {
      const accept = acceptOf(versionsOf(operation).at(-1) ?? '');
      const target = targetOf(operation);
      const cold = await ask(target, { accept, caller: nobody });
      await ask(target, { accept });
      const cached = await ask(target, { accept, caller: nobody });
      expect([operation.id, cold.status, cold.calls]).toEqual([operation.id, 403, 0]);
      expect(cached).toEqual(cold);
      const namesScope = operation.pathParameters.some(({ name }) => name === 'groupId' || name === 'orgId');
      if (!namesScope) continue;
      const foreign = await ask(target, { accept, caller: outsider });
      expect([operation.id, foreign.status, foreign.calls]).toEqual([operation.id, 403, 0]);
    }
  });
});

describe('every document', () => {
  interface Format {
    readonly pretty: boolean;
    readonly envelope: boolean;
    readonly acceptEncoding: string;
  }
  const decoders = new Map([
    [undefined, (body: Buffer) => body],
    ['br', brotliDecompressSync],
    ['gzip', gunzipSync],
  ]);

  function formatsOf(operation: Operation): readonly Format[] {
    const has = (name: string) => operation.queryParameters.some((parameter) => parameter.name === name);
    const choices = (name: string) => (has(name) ? [false, true] : [false]);
    return choices('pretty').flatMap((pretty) =>
      choices('envelope').flatMap((envelope) =>
        ['identity', 'br', 'gzip'].map((acceptEncoding) => ({ pretty, envelope, acceptEncoding })),
      ),
    );
  }

  /** What Atlas would send in a format. */
  function written(operation: Operation, { pretty, envelope }: Format): string {
    const content = contentOf(operation);
    if (!envelope) return writeJson(content, pretty);
    const isOwnEnvelope = operation.kind === 'unpaged-list' && isObject(content);
    return writeJson(isOwnEnvelope ? { ...content, status: 200 } : { content, status: 200 }, pretty);
  }

  /** Reads a document in one format with GET, HEAD and `If-None-Match`; returns the calls to Atlas. */
  async function readIn(format: Format, operation: Operation): Promise<number> {
    const { pretty, envelope, acceptEncoding } = format;
    const query = [...(pretty ? ['pretty=true'] : []), ...(envelope ? ['envelope=true'] : [])];
    const target = targetOf(operation, query);
    const options = { accept: acceptOf(versionsOf(operation).at(-1) ?? ''), acceptEncoding };
    const got = await ask(target, options);
    const body = decoders.get(got.headers['content-encoding'])?.(got.body);
    expect([operation.id, format, String(body)]).toEqual([operation.id, format, written(operation, format)]);
    const head = await ask(target, { ...options, method: 'HEAD' });
    const headers = { ...got.headers, 'cache-status': head.headers['cache-status'] };
    expect([head.text, head.headers]).toEqual(['', headers]);
    const known = await ask(target, { ...options, ifNoneMatch: got.headers['etag'] ?? '' });
    expect([known.status, known.text]).toEqual([304, '']);
    return got.calls + head.calls + known.calls;
  }

  test('is served as Atlas would send it, in every format and coding, from one copy', async () => {
    const values = fc.sample(fc.jsonValue({ maxDepth: 4 }), { seed: 22, numRuns: documents.length });
    for (const [index, operation] of documents.entries()) {
      const text = 'x'.repeat(600 * (index % 4));
      value = JSON.parse(JSON.stringify({ id: index, text, value: values[index] }));
      let calls = 0;
      for (const format of formatsOf(operation)) calls += await readIn(format, operation);
      expect([operation.id, calls]).toEqual([operation.id, 1]);
    }
  });
});
