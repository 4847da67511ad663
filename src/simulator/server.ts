import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createCatalog } from '../atlas/catalog.ts';
import { operations } from '../atlas/operations.ts';
import type { BucketSize } from '../atlas/rate-limit-buckets.ts';
import { type Clock, pause } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import { createAccess } from './auth.ts';
import { createControl } from './control.ts';
import { createFaults, type Fault, type Faults } from './faults.ts';
import { createLimits } from './limits.ts';
import { createOauthEndpoint } from './oauth-endpoint.ts';
import { createReadEndpoint } from './read-endpoint.ts';
import { createRequestLog, type SeenRequest } from './request-log.ts';
import { errorResponse, type SimulatedResponse, unknownPath } from './response.ts';
import { CALM_WEATHER, createWeather, type Weather } from './weather.ts';
import type { WeatherSettings } from './weather-settings.ts';
import { createWorld, type SimulatedProject, type World } from './world.ts';

export interface SimulatorOptions {
  /** Lifetime of a digest nonce. */
  readonly nonceLifeMs?: number;
  readonly algorithm?: 'MD5' | 'SHA-256';
  /** The origin of links in bodies. */
  readonly linkOrigin?: string;
  /** Rate limits by endpoint set, in place of those Atlas documents. */
  readonly limits?: Readonly<Record<string, BucketSize>>;
  /** Projects in addition to the sample ones. */
  readonly projects?: readonly SimulatedProject[];
  /** Latency, failures, list sizes and changes at the start; absent: none. */
  readonly weather?: WeatherSettings;
}

/** A simulated Atlas on the loopback interface. */
export interface Simulator {
  /** Resolves to its origin, such as `http://127.0.0.1:40123`. Port 0 selects a free port. */
  listen(port: number): Promise<string>;
  close(): Promise<void>;
  readonly world: World;
  readonly faults: Faults;
  readonly weather: Weather;
  /** The latest requests except control requests, oldest first. */
  readonly requests: readonly SeenRequest[];
  clearRequests(): void;
  /** Adds or removes a secret of the sample service account. */
  acceptSecret(secret: string): void;
  refuseSecret(secret: string): void;
  /** Invalidates every token issued so far. */
  killTokens(): void;
}

const API = '/api/atlas/v2';

function write(
  response: ServerResponse,
  method: string,
  { status, headers, body }: SimulatedResponse,
  wire: Fault['wire'],
): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, { ...headers, 'Content-Length': String(bytes.length) });
  if (wire === 'cut' || wire === 'drip') {
    response.write(bytes.subarray(0, wire === 'drip' ? 1 : Math.ceil(bytes.length / 2)));
    if (wire === 'cut') setImmediate(() => response.destroy());
    return;
  }
  response.end(method === 'HEAD' ? undefined : bytes);
}

function faultResponse(fault: Fault, status: number): SimulatedResponse {
  const response = errorResponse(
    {
      status,
      errorCode: fault.errorCode ?? 'UNEXPECTED_ERROR',
      detail: 'This error was injected into the simulator.',
      parameters: [],
    },
    fault.headers,
  );
  return fault.body === undefined ? response : { ...response, body: fault.body };
}

/**
 * A small Atlas:
 *
 *   /simulator/…      → control
 *   everything else   → fault? → /api/oauth/…    → OAuth endpoint
 *                                /api/atlas/v2/… → read endpoint: authenticate → version → limits → project → weather → body from the world
 */
export function createSimulator(
  options: SimulatorOptions,
  { clock, random }: { clock: Clock; random: Random },
): Simulator {
  const access = createAccess(
    { nonceLifeMs: options.nonceLifeMs ?? 300_000, algorithm: options.algorithm ?? 'MD5' },
    { clock, random },
  );
  const weather = createWeather(options.weather ?? CALM_WEATHER);
  const linkOrigin = options.linkOrigin ?? 'https://cloud.mongodb.com';
  const world = createWorld(
    { projects: options.projects ?? [], limits: options.limits ?? {}, linkOrigin },
    { weather, clock },
  );
  const catalog = createCatalog(operations);
  const faults = createFaults();
  const draw = createLimits(clock, options.limits);
  const requestLog = createRequestLog();
  const control = createControl({ faults, requestLog, weather, world, catalog });
  const answerOauth = createOauthEndpoint(access);
  const answerRead = createReadEndpoint({ linkOrigin }, { access, catalog, clock, draw, weather, world });

  async function route(request: IncomingMessage, url: URL): Promise<SimulatedResponse> {
    const { pathname } = url;
    if (request.method === 'POST' && pathname.startsWith('/api/oauth/'))
      return answerOauth(request, pathname);
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return errorResponse({
        status: 405,
        errorCode: 'METHOD_NOT_ALLOWED',
        detail: 'Only GET and HEAD are simulated.',
        parameters: [],
      });
    return pathname === API || pathname.startsWith(`${API}/`)
      ? answerRead({ target: request.url ?? '/', headers: request.headers })
      : unknownPath(pathname);
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url: target = '/', method = 'GET', headers } = request;
    const url = new URL(target, 'http://simulator');
    if (url.pathname.startsWith('/simulator/')) {
      write(response, method, await control(request, url), undefined);
      return;
    }
    const fault = faults.take(target);
    if (fault?.killTokens === true) access.killTokens();
    if (fault?.killNonces === true) access.killNonces();
    if (fault?.delayMs !== undefined) await pause(clock, fault.delayMs);
    const simulated =
      fault?.status === undefined ? await route(request, url) : faultResponse(fault, fault.status);
    if (fault?.prepend !== undefined) world.prepend(fault.prepend.address, fault.prepend.item);
    requestLog.add({ method, target, status: simulated.status, headers });
    if (fault?.wire === 'hang') return;
    if (fault?.wire === 'reset') response.destroy();
    else write(response, method, simulated, fault?.wire);
  }

  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });

  function origin(): string {
    const address = server.address();
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  }

  return {
    listen: (port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, '127.0.0.1', () => resolve(origin()));
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
    world,
    faults,
    weather,
    requests: requestLog.requests,
    clearRequests: requestLog.clear,
    acceptSecret: access.acceptSecret,
    refuseSecret: access.refuseSecret,
    killTokens: access.killTokens,
  };
}
