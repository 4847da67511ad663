import { describe, expect, test } from 'vitest';
import { toJsonSchema } from '../../src/config/json-schema.ts';
import {
  changesThatWait,
  isListed,
  LIVE_SETTINGS,
  RESTART_SETTINGS,
  type ResolvedConfig,
} from '../../src/config/reload-settings.ts';
import { configSchema } from '../../src/config/schema.ts';

type JsonSchema = {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
};

/** Whether a schema is a reference: `{ env: NAME }`, `{ file: PATH }` or `{ url: … }`. */
const isReference = ({ anyOf, properties }: JsonSchema) =>
  [properties, ...(anyOf ?? []).map((one) => one.properties)].some(
    (names) => names !== undefined && Object.keys(names).length === 1 && ('file' in names || 'env' in names),
  );

/** Paths of all settings with a value; `*` stands for an index or a name. */
function leavesOf(schema: JsonSchema, path: readonly string[] = []): string[][] {
  const { properties, additionalProperties, items } = schema;
  if (isReference(schema)) return [[...path]];
  if (properties !== undefined)
    return Object.entries(properties).flatMap(([name, inner]) => leavesOf(inner, [...path, name]));
  if (typeof additionalProperties === 'object') return leavesOf(additionalProperties, [...path, '*']);
  if (items?.properties !== undefined) return leavesOf(items, [...path, '*']);
  return [[...path]];
}

describe('every setting either applies on reload or requires a restart', () => {
  const leaves = leavesOf(toJsonSchema() as JsonSchema);

  test('each leaf of the schema is in exactly one of the lists', () => {
    expect(leaves.length).toBeGreaterThan(60);
    const twiceOrNever = leaves.filter(
      (path) => isListed(LIVE_SETTINGS, path) === isListed(RESTART_SETTINGS, path),
    );
    expect(twiceOrNever).toEqual([]);
  });

  test('each entry of the lists names a setting', () => {
    for (const entry of [...LIVE_SETTINGS, ...RESTART_SETTINGS])
      expect([entry, leaves.some((path) => isListed([entry], path))]).toEqual([entry, true]);
  });
});

describe('settings that a reload reports as requiring a restart', () => {
  const WRITTEN = {
    listen: { tls: { cert: { file: 'cert' }, key: { file: 'key' } } },
    admin: { token: { file: 'token' } },
    credentials: [
      {
        name: 'one',
        serviceAccount: { clientId: { env: 'ID' }, clientSecret: { file: 'secret' } },
        projects: ['64b7c0ffee0000000000a001'],
      },
      { name: 'two', apiKey: { publicKey: { env: 'PUBLIC' }, privateKey: { env: 'PRIVATE' } } },
    ],
    anonymous: { projects: 'all' },
    tokens: { signingKey: { file: 'signing' } },
    cache: {
      snapshot: { path: '/tmp/cache', encryptionKey: { file: 'encryption' } },
      shared: { url: { file: 'redis' }, encryptionKey: { file: 'shared' }, ca: { file: 'ca' } },
      operations: { listGroups: { fresh: '1m' } },
    },
  };
  const resolve = (written: object, contents: Record<string, string> = {}): ResolvedConfig => ({
    config: configSchema.parse(written),
    secretOf: (ref) => {
      const name = 'env' in ref ? ref.env : ref.file;
      return contents[name] ?? `content of ${name}`;
    },
  });
  const started = resolve(WRITTEN);
  const after = (more: object, contents?: Record<string, string>) =>
    changesThatWait(started, resolve({ ...WRITTEN, ...more }, contents));

  const [one, two] = WRITTEN.credentials;
  test.each<[string, object, Record<string, string>, string[]]>([
    ['nothing changed', {}, {}, []],
    ['credentials in another order', { credentials: [two, one] }, {}, []],
    ['a port', { listen: { ...WRITTEN.listen, port: 8_081 } }, {}, ['listen.port']],
    ['TLS taken away', { listen: {} }, {}, ['listen.tls']],
    ['the admin token taken away', { admin: {} }, {}, ['admin.token']],
    ['the admin token elsewhere', { admin: { token: { file: 'other' } } }, {}, []],
    ['secrets that are live', {}, { cert: 'x', key: 'x', secret: 'x', signing: 'x', token: 'x' }, []],
    ['callers and policy', { anonymous: undefined, callers: [{ name: 'team' }] }, {}, []],
    [
      'the content of files that wait',
      {},
      { encryption: 'x', redis: 'x', shared: 'x', ca: 'x' },
      ['cache.snapshot.encryptionKey', 'cache.shared.url', 'cache.shared.encryptionKey', 'cache.shared.ca'],
    ],
    [
      'a reference that waits',
      { cache: { ...WRITTEN.cache, snapshot: { path: '/tmp/cache', encryptionKey: { env: 'KEY' } } } },
      {},
      ['cache.snapshot.encryptionKey'],
    ],
    [
      'an exception by operation',
      { cache: { ...WRITTEN.cache, operations: { listGroups: { fresh: '2m' } } } },
      {},
      ['cache.operations.listGroups.fresh'],
    ],
    ['the projects of a credential', { credentials: [{ ...one, projects: [] }, two] }, {}, []],
    [
      'a credential of another kind',
      { credentials: [{ ...one, serviceAccount: undefined, apiKey: two?.apiKey }, two] },
      {},
      ['credentials[one]'],
    ],
    ['a credential taken away', { credentials: [one] }, {}, []],
    ['a proxy', { upstream: { proxy: { env: 'PROXY' } } }, {}, ['upstream.proxy']],
    [
      'TLS of the admin listener',
      { admin: { ...WRITTEN.admin, tls: WRITTEN.listen.tls } },
      {},
      ['admin.tls'],
    ],
    ['a socket', { admin: { ...WRITTEN.admin, socket: '/run/admin' } }, {}, ['admin.socket']],
  ])('%s', (_name, more, contents, expected) => {
    expect(after(more, contents)).toEqual(expected);
  });
});
