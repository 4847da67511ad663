import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ApiError, renderApiError } from '../atlas/api-error.ts';
import { createCatalog, type Operation } from '../atlas/catalog.ts';
import { operations } from '../atlas/operations.ts';
import { type BucketSize, bucketSizeOf, scopeOf } from '../atlas/rate-limit-buckets.ts';
import { resolveVersion } from '../atlas/version.ts';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import { createAccess } from './auth.ts';
import { createFaults, type Fault, type Faults } from './faults.ts';
import { createLimits } from './limits.ts';
import { type Json, type PageRequest, writeJson, writePage } from './pages.ts';
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
}

/** A request that the simulator received. */
export interface SeenRequest {
  readonly method: string;
  readonly target: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** A simulated Atlas on the loopback interface. */
export interface Simulator {
  /** Resolves to its origin, such as `http://127.0.0.1:40123`. Port 0 selects a free port. */
  listen(port: number): Promise<string>;
  close(): Promise<void>;
  readonly world: World;
  readonly faults: Faults;
  /** The latest requests except control requests, oldest first. */
  readonly requests: readonly SeenRequest[];
  clearRequests(): void;
  /** Adds or removes a secret of the sample service account. */
  acceptSecret(secret: string): void;
  refuseSecret(secret: string): void;
  /** Invalidates every token issued so far. */
  killTokens(): void;
}

const MAX_SEEN = 20_000;
const MAX_FORM_BYTES = 16_384;
const API = '/api/atlas/v2/';
const DIGEST_REFUSAL: Json = {
  error: 401,
  reason: 'Unauthorized',
  detail: 'You are not authorized for this resource.',
  errorCode: 'UNEXPECTED_ERROR',
};
/** Headers of every response of the recorded service. */
const SERVICE_HEADERS = {
  'Referrer-Policy': 'strict-origin-when-cross-origin',
  Server: 'mdbws',
  'Strict-Transport-Security': 'max-age=31536000; includeSubdomains;',
  'X-Content-Type-Options': 'nosniff',
  'X-Envoy-Upstream-Service-Time': '1',
  'X-Frame-Options': 'DENY',
  'X-Java-Method': 'ApiSimulatedResource::list',
  'X-Java-Version': '17.0.19+10-LTS',
  'X-Permitted-Cross-Domain-Policies': 'none',
};

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string | Buffer;
}

const failure = (
  status: number,
  errorCode: string,
  detail: string,
  parameters: readonly (string | number)[] = [],
  headers: Record<string, string> = {},
): Answer => {
  const error: ApiError = { status, errorCode, detail, parameters };
  return {
    status,
    headers: {
      ...SERVICE_HEADERS,
      'Content-Type': 'application/json',
      'X-Error-Code': errorCode,
      ...headers,
    },
    body: renderApiError(error),
  };
};

function readForm(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    let form = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      form += chunk;
      if (form.length > MAX_FORM_BYTES) request.destroy();
    });
    request.on('end', () => resolve(form));
    request.on('error', reject);
  });
}

/** Single-digit day of the month, as Atlas writes `Sunset` [recorded]. */
function serviceDate(day: string): string {
  const [name, number, ...rest] = new Date(`${day}T00:00:00Z`).toUTCString().split(' ');
  return [name, String(Number(number)), ...rest].join(' ');
}

/** The requested page, or the name of the invalid parameter. */
function readQuery(operation: Operation, query: URLSearchParams, address: string): PageRequest | string {
  const names = new Set(operation.queryParameters.map(({ name }) => name));
  for (const name of query.keys()) if (!names.has(name)) return name;
  const flag = (name: string, byDefault: boolean) => (query.get(name) ?? String(byDefault)) === 'true';
  const pageNum = Number(query.get('pageNum') ?? '1');
  const itemsPerPage = Number(query.get('itemsPerPage') ?? '100');
  if (!Number.isInteger(pageNum) || pageNum < 0) return 'pageNum';
  if (!Number.isInteger(itemsPerPage) || itemsPerPage < 0 || itemsPerPage > 500) return 'itemsPerPage';
  const shaped = new Set(['pageNum', 'itemsPerPage', 'includeCount', 'pretty', 'envelope']);
  // Atlas writes defaults of page parameters into links; that it does so for filters too is [inferred].
  const defaults = operation.queryParameters.flatMap(({ name, default: value }): [string, string][] =>
    value === undefined || query.has(name) ? [] : [[name, String(value)]],
  );
  const filters = [...query, ...defaults]
    .filter(([name]) => !shaped.has(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const flags = (['envelope', 'pretty'] as const)
    .filter((name) => flag(name, false))
    .map((name) => [name, 'true'] as const);
  return {
    // That Atlas treats 0 as 1 is [inferred] from what Terraform has sent for years.
    pageNum: Math.max(1, pageNum),
    itemsPerPage: Math.max(1, itemsPerPage),
    includeCount: flag('includeCount', true),
    countable: names.has('includeCount'),
    pretty: flag('pretty', false),
    envelope: flag('envelope', false),
    others: [...filters, ...flags],
    address,
    uncounted: operation.id.endsWith('Events') ? 'zero' : 'absent',
  };
}

export function createSimulator(
  options: SimulatorOptions,
  { clock, random }: { clock: Clock; random: Random },
): Simulator {
  const access = createAccess(
    { nonceLifeMs: options.nonceLifeMs ?? 300_000, algorithm: options.algorithm ?? 'MD5' },
    { clock, random },
  );
  const world = createWorld(options.projects ?? [], options.limits ?? {});
  const faults = createFaults();
  const sizeOf = (endpointSet: string) => options.limits?.[endpointSet] ?? bucketSizeOf(endpointSet);
  const draw = createLimits(clock, sizeOf);
  const catalog = createCatalog(operations);
  const linkOrigin = options.linkOrigin ?? 'https://cloud.mongodb.com';
  const seen: SeenRequest[] = [];

  function refuseCredential(stale: boolean): Answer {
    const headers = {
      'Content-Type': 'application/json',
      Server: 'mdbws',
      Vary: 'Accept-Encoding',
      'X-Envoy-Upstream-Service-Time': '1',
    };
    return {
      status: 401,
      headers: { ...headers, 'WWW-Authenticate': access.challenge(stale) },
      body: writeUnsorted(DIGEST_REFUSAL),
    };
  }

  function list(request: IncomingMessage, path: string, query: URLSearchParams): Answer {
    switch (access.admit(request.headers.authorization, 'GET', request.url ?? '')) {
      case 'admitted':
        break;
      case 'no-credentials':
      case 'bad-digest':
        return refuseCredential(false);
      case 'stale-nonce':
        return refuseCredential(true);
      case 'bad-token':
        // The form of this response is [inferred]: no recording contains an expired token.
        return failure(401, 'UNEXPECTED_ERROR', 'You are not authorized for this resource.', [], {
          'WWW-Authenticate': 'Bearer error="invalid_token"',
        });
    }
    const match = catalog.match(path);
    if (match.type !== 'matched')
      return failure(404, 'RESOURCE_NOT_FOUND', `Cannot find resource ${path}.`, [path]);
    const { operation, pathParameters } = match;
    const today = new Date(clock.wall()).toISOString().slice(0, 10);
    const resolved = resolveVersion(operation, request.headers.accept, today);
    if (resolved.type === 'not-acceptable')
      return failure(406, 'INVALID_VERSION_DATE', 'Invalid accept header or version date.');
    const sunset = resolved.version.sunset;
    // That a version with a sunset was deprecated a year before is [inferred].
    const deprecationHeaders: Record<string, string> =
      sunset === undefined
        ? {}
        : {
            Deprecation: serviceDate(`${Number(sunset.slice(0, 4)) - 1}${sunset.slice(4)}`),
            Sunset: serviceDate(sunset),
          };
    if (resolved.type === 'gone')
      return failure(
        410,
        'VERSION_GONE',
        `Version ${resolved.version.name} is no longer available.`,
        [],
        deprecationHeaders,
      );
    const drawn = draw(operation.endpointSet, scopeOf(pathParameters));
    const rate = { 'RateLimit-Limit': String(drawn.limit), 'RateLimit-Remaining': String(drawn.remaining) };
    if (drawn.retryAfterSeconds !== undefined)
      return limited(path, drawn.limit, drawn.refill, drawn.retryAfterSeconds, rate);
    const { groupId } = pathParameters;
    const project = world.projects.find(({ id }) => id === groupId);
    if (groupId !== undefined && project === undefined)
      return failure(
        404,
        'GROUP_NOT_FOUND',
        `No group with ID ${groupId} exists.`,
        [groupId],
        deprecationHeaders,
      );
    if (project?.visible === false)
      return failure(
        401,
        'USER_CANNOT_ACCESS_GROUP',
        `The current user cannot access group ${groupId}.`,
        [project.id],
        deprecationHeaders,
      );
    const page = readQuery(operation, query, `${linkOrigin}${path}`);
    if (typeof page === 'string')
      return failure(
        400,
        'INVALID_QUERY_PARAMETER',
        `Invalid query parameter ${page} specified.`,
        [page],
        deprecationHeaders,
      );
    const filters = new URLSearchParams(
      page.others
        .filter(([name, value]) => name !== 'pretty' && name !== 'envelope' && value !== '')
        .map(([name, value]): [string, string] => [name, value]),
    ).toString();
    const body = writePage(world.items(operation, path, pathParameters, filters), page);
    return {
      status: 200,
      headers: {
        ...SERVICE_HEADERS,
        ...rate,
        ...deprecationHeaders,
        'Content-Type': `${resolved.mediaType};charset=utf-8`,
        'X-MongoDB-Service-Version': 'gitHash=simulated; versionString=master',
      },
      body,
    };
  }

  function limited(
    path: string,
    capacity: number,
    refill: number,
    waitSeconds: number,
    headers: Record<string, string>,
  ): Answer {
    const resource = path.slice(1);
    const detail = `Rate limit exceeded for ${resource}. Please retry after ${waitSeconds} seconds. Request capacity: ${capacity}. Refill rate: ${refill} per 60 seconds. For more information, see: http://dochub.mongodb.org/core/atlas-api-rate-limit.`;
    return failure(429, 'RATE_LIMITED_TOKEN_BUCKET', detail, [resource, waitSeconds, capacity, refill, 60], {
      ...headers,
      'Retry-After': String(waitSeconds),
    });
  }

  async function route(request: IncomingMessage, url: URL): Promise<Answer> {
    const { pathname } = url;
    if (request.method === 'POST' && pathname.startsWith('/api/oauth/')) {
      const form = await readForm(request);
      const authorization = request.headers.authorization;
      const answer =
        pathname === '/api/oauth/token'
          ? access.token(authorization, form)
          : access.revoke(authorization, form);
      return { status: answer.status, headers: { 'Content-Type': 'application/json' }, body: answer.body };
    }
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return failure(405, 'METHOD_NOT_ALLOWED', 'Only GET and HEAD are simulated.');
    return pathname.startsWith(API)
      ? list(request, pathname, url.searchParams)
      : failure(404, 'RESOURCE_NOT_FOUND', `Cannot find resource ${pathname}.`, [pathname]);
  }

  /** The control API for tests: `GET`, `POST` and `DELETE /simulator/faults`, `GET /simulator/requests`. */
  async function control(request: IncomingMessage, pathname: string): Promise<Answer> {
    const answer = (value: Json): Answer => ({
      status: 200,
      headers: { 'Content-Type': 'application/json' },
      body: `${writeJson(value, true)}\n`,
    });
    if (pathname === '/simulator/requests')
      return answer(seen.map(({ method, target, status }) => ({ method, target, status })));
    if (pathname !== '/simulator/faults')
      return failure(404, 'RESOURCE_NOT_FOUND', 'Use /simulator/faults or /simulator/requests.');
    if (request.method === 'DELETE') faults.clear();
    if (request.method === 'POST')
      faults.add({ target: '', ...(JSON.parse(await readForm(request)) as Partial<Fault>) });
    return answer(faults.list().map((fault) => JSON.parse(JSON.stringify(fault)) as Json));
  }

  function write(
    response: ServerResponse,
    method: string,
    { status, headers, body }: Answer,
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

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = request.url ?? '/';
    const method = request.method ?? 'GET';
    const url = new URL(target, 'http://simulator');
    if (url.pathname.startsWith('/simulator/')) {
      write(response, method, await control(request, url.pathname), undefined);
      return;
    }
    const fault = faults.take(target);
    if (fault?.killTokens === true) access.killTokens();
    if (fault?.killNonces === true) access.killNonces();
    if (fault?.delayMs !== undefined)
      await new Promise<void>((resolve) => void clock.after(fault.delayMs ?? 0, resolve));
    const answer = fault?.status === undefined ? await route(request, url) : faultAnswer(fault, fault.status);
    if (fault?.prepend !== undefined) world.prepend(fault.prepend.address, fault.prepend.item);
    if (seen.length >= MAX_SEEN) seen.shift();
    seen.push({ method, target, status: answer.status, headers: request.headers });
    if (fault?.wire === 'hang') return;
    if (fault?.wire === 'reset') {
      response.destroy();
      return;
    }
    write(response, method, answer, fault?.wire);
  }

  function faultAnswer(fault: Fault, status: number): Answer {
    const answer = failure(
      status,
      fault.errorCode ?? 'UNEXPECTED_ERROR',
      'This error was injected into the simulator.',
      [],
      { ...fault.headers },
    );
    return fault.body === undefined ? answer : { ...answer, body: fault.body };
  }

  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  return {
    listen: (port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, '127.0.0.1', () =>
          resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
        );
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
    world,
    faults,
    requests: seen,
    clearRequests() {
      seen.length = 0;
    },
    acceptSecret: access.acceptSecret,
    refuseSecret: access.refuseSecret,
    killTokens: access.killTokens,
  };
}

/** Keeps the order of keys: the only body whose keys Atlas does not sort [recorded]. */
const writeUnsorted = (value: Json): string =>
  `{\n${Object.entries(value ?? {})
    .map(([name, one]) => `  ${JSON.stringify(name)} : ${JSON.stringify(one)}`)
    .join(',\n')}\n}`;
