import { createCatalog } from '../../src/atlas/catalog.ts';
import { bucketSizeOf } from '../../src/atlas/rate-limit-buckets.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { createSystemRandom } from '../../src/lib/random.ts';
import { createAccess } from '../../src/simulator/auth.ts';
import { createLimits } from '../../src/simulator/limits.ts';
import { createListEndpoint } from '../../src/simulator/list-endpoint.ts';
import type { Json } from '../../src/simulator/pages.ts';
import type { SimulatedResponse } from '../../src/simulator/response.ts';
import { createWeather } from '../../src/simulator/weather.ts';
import { weatherSchema } from '../../src/simulator/weather-settings.ts';
import { createWorld, weatherProjectId } from '../../src/simulator/world.ts';
import { upstreamFailure } from '../../src/upstream/failure.ts';
import type { Exchange, UpstreamResult, WireRequest } from '../../src/upstream/message.ts';
import { lists as operations } from './lists.ts';

/** A list request that reached the virtual Atlas. `status` is absent until it is answered. */
export interface VirtualCall {
  readonly target: string;
  readonly at: number;
  readonly authorization: string | undefined;
  status?: number;
}

/** The simulated Atlas without sockets: it behaves as its weather says, on the clock of the test. */
export interface VirtualAtlas {
  /** One exchange, through a pool of `maxConnections` connections as the transport has. */
  readonly exchange: Exchange;
  /** List requests in the order in which Atlas received them; token requests are not included. */
  readonly calls: readonly VirtualCall[];
  /** Calls for lists whose path contains this text. */
  callsFor(path: string): readonly VirtualCall[];
  /** Changes the weather; settings as in a weather file. */
  change(weather: object): void;
  /** Gives lists their items. */
  replace(path: string, items: readonly Json[], create?: (index: number) => Json): void;
  /** The items of a list at this moment. */
  items(path: string): readonly Json[];
  /** Accepts another secret of the service account, as Atlas does during a rotation. */
  acceptSecret(secret: string): void;
  /** What Atlas has left in a bucket; asking takes one token. */
  remaining(endpointSet: string, scope: string): number;
}

export const projectPath = (index: number, list = 'streams/privateLinkConnections') =>
  `/api/atlas/v2/groups/${weatherProjectId(index)}/${list}`;

const lowerCased = (headers: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

const answered = ({ status, headers, body }: SimulatedResponse): UpstreamResult => ({
  type: 'answered',
  status,
  headers: lowerCased(headers),
  body: Buffer.from(body),
});

/** Runs at most `size` tasks at once; the others wait in order. */
function createPool(size: number) {
  const waiting: (() => void)[] = [];
  let running = 0;
  const leave = () => {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  };
  return {
    async run<Value>(task: () => Promise<Value>): Promise<Value> {
      if (running < size) running++;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      return task().finally(leave);
    },
  };
}

export function createVirtualAtlas(
  { weather: settings, maxConnections }: { weather: object; maxConnections: number },
  { clock }: { clock: Clock },
): VirtualAtlas {
  const weather = createWeather(weatherSchema.parse(settings));
  const world = createWorld({ projects: [], limits: {} }, { weather, clock });
  const catalog = createCatalog(operations);
  const draw = createLimits(clock, bucketSizeOf);
  const access = createAccess(
    { nonceLifeMs: 300_000, algorithm: 'MD5' },
    { clock, random: createSystemRandom() },
  );
  const answerList = createListEndpoint(
    { linkOrigin: 'https://cloud.mongodb.com' },
    { access, catalog, clock, draw, weather, world },
  );
  const pool = createPool(maxConnections);
  const calls: VirtualCall[] = [];

  async function answer({ method, target, headers, body = '' }: WireRequest): Promise<UpstreamResult> {
    const { authorization, accept } = headers;
    if (method === 'POST') return answered({ ...access.token(authorization, body), headers: {} });
    const call: VirtualCall = { target, at: clock.now(), authorization };
    calls.push(call);
    const response = await answerList({
      target,
      headers: {
        ...(authorization === undefined ? {} : { authorization }),
        ...(accept === undefined ? {} : { accept }),
      },
    });
    call.status = response.status;
    return answered(response);
  }

  function itemsAt(path: string): readonly Json[] {
    const matched = catalog.match(path);
    if (matched.type !== 'matched') throw new Error(`${path} is not the path of a list`);
    return world.items({ ...matched, path, filters: '' });
  }

  return {
    exchange(request) {
      let isLate = false;
      let cancel = (): void => undefined;
      const late = new Promise<UpstreamResult>((resolve) => {
        cancel = clock.after(Math.max(0, request.deadlineAt - clock.now()), () => {
          isLate = true;
          resolve(upstreamFailure('UPSTREAM_TIMEOUT', 'The virtual Atlas did not answer in time.'));
        });
      });
      const connected = pool.run(() => (isLate ? late : Promise.race([answer(request), late])));
      return Promise.race([connected, late]).finally(() => cancel());
    },
    calls,
    callsFor: (path) => calls.filter(({ target }) => target.includes(path)),
    change: (next) => weather.change(weatherSchema.parse(next)),
    replace: world.replace,
    items: itemsAt,
    acceptSecret: access.acceptSecret,
    remaining: (endpointSet, scope) => draw(endpointSet, scope).remaining,
  };
}
