import { createCatalog, type Operation } from '../../src/atlas/catalog.ts';
import { operations } from '../../src/atlas/operations.ts';
import { createSystemRandom } from '../../src/lib/random.ts';
import { createAccess } from '../../src/simulator/auth.ts';
import { identityOf } from '../../src/simulator/generated-items.ts';
import { createLimits } from '../../src/simulator/limits.ts';
import type { Json } from '../../src/simulator/pages.ts';
import { createReadEndpoint } from '../../src/simulator/read-endpoint.ts';
import { createWeather } from '../../src/simulator/weather.ts';
import { weatherSchema } from '../../src/simulator/weather-settings.ts';
import { createWorld, SAMPLE_CREDENTIALS, SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { createFakeClock } from './fake-clock.ts';

const ORGANIZATION = SAMPLE_PROJECTS.orders.orgId;
/** Before any version is gone. */
const WALL = Date.UTC(2023, 11, 1);
export const LINK_ORIGIN = 'http://gateway.example';

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly body: Json;
}

/** The endpoint without sockets, and a token for it. */
export function startAtlas(weather: object = {}) {
  const clock = createFakeClock(WALL);
  const settings = createWeather(weatherSchema.parse(weather));
  const world = createWorld(
    { projects: [], limits: {}, linkOrigin: LINK_ORIGIN },
    { weather: settings, clock },
  );
  const catalog = createCatalog(operations);
  const access = createAccess(
    { nonceLifeMs: 300_000, algorithm: 'MD5' },
    { clock, random: createSystemRandom() },
  );
  const read = createReadEndpoint(
    { linkOrigin: LINK_ORIGIN },
    { ...{ access, catalog, clock, world }, draw: createLimits(clock), weather: settings },
  );
  const { clientId, clientSecret } = SAMPLE_CREDENTIALS.serviceAccount;
  const basic = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;
  const { access_token: token } = JSON.parse(access.token(basic, 'grant_type=client_credentials').body);

  async function get(target: string, version: string, headers: Record<string, string> = {}): Promise<Reply> {
    const accept = `application/vnd.atlas.${version}+json`;
    const reply = await read({ target, headers: { accept, authorization: `Bearer ${token}`, ...headers } });
    const text = String(reply.body);
    return { status: reply.status, headers: reply.headers, text, body: JSON.parse(text) };
  }
  return { get, catalog, clock, world };
}

export type Atlas = ReturnType<typeof startAtlas>;

/** Values of path parameters that need not exist. */
const SAMPLES: Readonly<Record<string, string>> = {
  groupId: SAMPLE_PROJECTS.orders.id,
  orgId: ORGANIZATION,
};
const TEXTS = [
  'a',
  '5f0a1b2c3d4e5f6071829301',
  '5f0a1b2c3d4e5f607182',
  '5f0a1b2c3d4e5f6071829301a1b2c3d45f0a1b2c3d4e5f6071829301a1b2c3d4',
  '10.0.0.1',
  'example.net:27017',
  'someone@example.net',
  'vpce-5f0a1b2c3d4e5f607',
  'mdb_sa_id_5f0a1b2c3d4e5f6071829301',
];

function sampleOf({ name, pattern, enum: choices }: Operation['pathParameters'][number]): string {
  const matching = TEXTS.find((text) => pattern === undefined || new RegExp(pattern).test(text));
  return SAMPLES[name] ?? choices?.[0] ?? matching ?? 'a';
}

export const fill = (path: string, values: Readonly<Record<string, string>>) =>
  path.replace(/\{(\w+)\}/g, (_whole, name: string) => encodeURIComponent(values[name] ?? ''));

const samplesOf = ({ pathParameters }: Operation) =>
  Object.fromEntries(pathParameters.map((parameter) => [parameter.name, sampleOf(parameter)]));

export const resultsOf = (body: Json): readonly Json[] =>
  typeof body === 'object' && body !== null && 'results' in body && Array.isArray(body['results'])
    ? body['results']
    : [];

/** Values of path parameters that lead to something: an element's id is that of an item of its list. */
export async function existing(atlas: Atlas, operation: Operation, version: string) {
  const samples = samplesOf(operation);
  const list = atlas.catalog.find(operation.element?.list ?? '');
  if (operation.element === undefined || list === undefined) return { samples, item: undefined };
  const { body } = await atlas.get(`${fill(list.path, samples)}?itemsPerPage=500`, version);
  const items = resultsOf(body);
  const item = items.find((one) => identityOf(one, operation.element ?? { itemField: '' }).length > 0);
  const [identity = ''] = item === undefined ? [] : identityOf(item, operation.element);
  const names = operation.element.idParameter.split('+');
  const parts = names.length === 1 ? [identity] : identity.split('/');
  const own = Object.fromEntries(names.map((name, index) => [name, parts[index] ?? '']));
  return { samples: { ...samples, ...own }, item };
}
