import type { IncomingHttpHeaders } from 'node:http';
import type { Catalog, Operation } from '../atlas/catalog.ts';
import { endpointSetOf, scopeOf } from '../atlas/rate-limit-buckets.ts';
import { resolveVersion } from '../atlas/version.ts';
import type { Clock } from '../lib/clock.ts';
import type { Access } from './auth.ts';
import type { Drawn, DrawToken } from './limits.ts';
import { filtersOf, readPageQuery } from './page-query.ts';
import { countOnPage, type Json, type PageRequest, writePage } from './pages.ts';
import { errorResponse, SERVICE_HEADERS, type SimulatedResponse, unknownPath } from './response.ts';
import type { Trouble, Weather } from './weather.ts';
import type { ListAddress, World } from './world.ts';

export interface ListEndpointDependencies {
  readonly access: Access;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly draw: DrawToken;
  readonly weather: Weather;
  readonly world: World;
}

/** A `GET` request: its raw target, which digest signs, and its headers. */
export interface ListRequest {
  readonly target: string;
  readonly headers: Pick<IncomingHttpHeaders, 'authorization' | 'accept'>;
}

/** A request for an operation of the catalog, in the version that Atlas would answer with. */
interface MatchedRequest {
  readonly path: string;
  readonly operation: Operation;
  readonly pathParameters: Readonly<Record<string, string>>;
  readonly mediaType: string;
  readonly deprecationHeaders: Readonly<Record<string, string>>;
}

const DIGEST_REFUSAL: Json = {
  error: 401,
  reason: 'Unauthorized',
  detail: 'You are not authorized for this resource.',
  errorCode: 'UNEXPECTED_ERROR',
};

/** Keeps the order of keys: the only body whose keys Atlas does not sort [recorded]. */
const writeUnsorted = (value: Json): string =>
  `{\n${Object.entries(value ?? {})
    .map(([name, one]) => `  ${JSON.stringify(name)} : ${JSON.stringify(one)}`)
    .join(',\n')}\n}`;

/** Single-digit day of the month, as Atlas writes `Sunset` [recorded]. */
function serviceDate(day: string): string {
  const [name, number, ...rest] = new Date(`${day}T00:00:00Z`).toUTCString().split(' ');
  return [name, String(Number(number)), ...rest].join(' ');
}

/** That a version with a sunset was deprecated a year before is [inferred]. */
const deprecationHeadersOf = (sunset: string | undefined): Record<string, string> =>
  sunset === undefined
    ? {}
    : {
        Deprecation: serviceDate(`${Number(sunset.slice(0, 4)) - 1}${sunset.slice(4)}`),
        Sunset: serviceDate(sunset),
      };

const rateHeaders = ({ limit, remaining }: Drawn) => ({
  'RateLimit-Limit': String(limit),
  'RateLimit-Remaining': String(remaining),
});

function rateLimited(path: string, drawn: Drawn, waitSeconds: number): SimulatedResponse {
  const { limit, refill } = drawn;
  const resource = path.slice(1);
  const detail = `Rate limit exceeded for ${resource}. Please retry after ${waitSeconds} seconds. Request capacity: ${limit}. Refill rate: ${refill} per 60 seconds. For more information, see: http://dochub.mongodb.org/core/atlas-api-rate-limit.`;
  return errorResponse(
    {
      status: 429,
      errorCode: 'RATE_LIMITED_TOKEN_BUCKET',
      detail,
      parameters: [resource, waitSeconds, limit, refill, 60],
    },
    { ...rateHeaders(drawn), 'Retry-After': String(waitSeconds) },
  );
}

/** Never resolves: the request hangs until the client gives up. */
const forever = () => new Promise<never>(() => undefined);

const troubleResponse = ({ status, errorCode, retryAfterSeconds }: Extract<Trouble, { type: 'error' }>) =>
  errorResponse(
    { status, errorCode, detail: 'The weather of the simulator.', parameters: [] },
    retryAfterSeconds === undefined ? {} : { 'Retry-After': String(retryAfterSeconds) },
  );

/** `GET` of every operation in the catalog; all of them are answered as lists. */
export function createListEndpoint(
  { linkOrigin }: { readonly linkOrigin: string },
  { access, catalog, clock, draw, weather, world }: ListEndpointDependencies,
) {
  function refuseCredential(stale: boolean): SimulatedResponse {
    return {
      status: 401,
      headers: {
        'Content-Type': 'application/json',
        Server: 'mdbws',
        Vary: 'Accept-Encoding',
        'X-Envoy-Upstream-Service-Time': '1',
        'WWW-Authenticate': access.challenge(stale),
      },
      body: writeUnsorted(DIGEST_REFUSAL),
    };
  }

  function refusalOf({ headers, target }: ListRequest): SimulatedResponse | undefined {
    switch (access.admit(headers.authorization, 'GET', target)) {
      case 'admitted':
        return undefined;
      case 'no-credentials':
      case 'bad-digest':
        return refuseCredential(false);
      case 'stale-nonce':
        return refuseCredential(true);
      case 'bad-token':
        // The form of this response is [inferred]: no recording contains an expired token.
        return errorResponse(
          {
            status: 401,
            errorCode: 'UNEXPECTED_ERROR',
            detail: 'You are not authorized for this resource.',
            parameters: [],
          },
          { 'WWW-Authenticate': 'Bearer error="invalid_token"' },
        );
    }
  }

  function match(path: string, accept: string | undefined): MatchedRequest | SimulatedResponse {
    const matched = catalog.match(path);
    if (matched.type !== 'matched') return unknownPath(path);
    const { operation, pathParameters } = matched;
    const today = new Date(clock.wall()).toISOString().slice(0, 10);
    const resolved = resolveVersion(operation, accept);
    if (resolved.type === 'not-acceptable')
      return errorResponse({
        status: 406,
        errorCode: 'INVALID_VERSION_DATE',
        detail: 'Invalid accept header or version date.',
        parameters: [],
      });
    const { name, sunset } = resolved.version;
    const deprecationHeaders = deprecationHeadersOf(sunset);
    if (sunset !== undefined && today >= sunset)
      return errorResponse(
        {
          status: 410,
          errorCode: 'VERSION_GONE',
          detail: `Version ${name} is no longer available.`,
          parameters: [],
        },
        deprecationHeaders,
      );
    return {
      path,
      operation,
      pathParameters,
      mediaType: `application/vnd.atlas.${name}+json`,
      deprecationHeaders,
    };
  }

  /** The response to a request for a project that does not exist or that the credentials cannot access. */
  function projectRefusal({
    pathParameters: { groupId },
    deprecationHeaders,
  }: MatchedRequest): SimulatedResponse | undefined {
    if (groupId === undefined) return undefined;
    const project = world.projects.find(({ id }) => id === groupId);
    if (project?.visible === true) return undefined;
    const error =
      project === undefined
        ? { status: 404, errorCode: 'GROUP_NOT_FOUND', detail: `No group with ID ${groupId} exists.` }
        : {
            status: 401,
            errorCode: 'USER_CANNOT_ACCESS_GROUP',
            detail: `The current user cannot access group ${groupId}.`,
          };
    return errorResponse({ ...error, parameters: [groupId] }, deprecationHeaders);
  }

  const pause = (delayMs: number) =>
    delayMs === 0 ? undefined : new Promise<void>((resolve) => void clock.after(delayMs, resolve));

  /** Waits as long as the weather says, and takes the page from the list at the moment of the answer. */
  async function answer(
    matched: MatchedRequest,
    request: PageRequest,
    drawn: Drawn,
  ): Promise<SimulatedResponse> {
    const { operation, path, pathParameters, mediaType, deprecationHeaders } = matched;
    const list: ListAddress = { operation, path, pathParameters, filters: filtersOf(request) };
    const place = { operation: operation.id, project: pathParameters['groupId'] };
    const trouble = weather.trouble(place, { counts: request.includeCount });
    if (trouble?.type === 'hang') return forever();
    const itemsOnPage = trouble === undefined ? countOnPage(world.items(list).length, request) : 0;
    await pause(weather.latencyMs(place, itemsOnPage));
    if (trouble !== undefined) return troubleResponse(trouble);
    return {
      status: 200,
      headers: {
        ...SERVICE_HEADERS,
        ...rateHeaders(drawn),
        ...deprecationHeaders,
        'Content-Type': `${mediaType};charset=utf-8`,
        'X-MongoDB-Service-Version': 'gitHash=simulated; versionString=master',
      },
      body: writePage(world.items(list), request),
    };
  }

  return async (request: ListRequest): Promise<SimulatedResponse> => {
    const { pathname: path, searchParams } = new URL(request.target, 'http://simulator');
    const refusal = refusalOf(request);
    if (refusal !== undefined) return refusal;
    const matched = match(path, request.headers.accept);
    if ('status' in matched) return matched;
    const { operation, pathParameters, deprecationHeaders } = matched;
    const drawn = draw(endpointSetOf(operation.path), scopeOf(pathParameters));
    if (drawn.retryAfterSeconds !== undefined) return rateLimited(path, drawn, drawn.retryAfterSeconds);
    const forbidden = projectRefusal(matched);
    if (forbidden !== undefined) return forbidden;
    const requested = readPageQuery(operation, searchParams, `${linkOrigin}${path}`);
    if (typeof requested !== 'string') return answer(matched, requested, drawn);
    return errorResponse(
      {
        status: 400,
        errorCode: 'INVALID_QUERY_PARAMETER',
        detail: `Invalid query parameter ${requested} specified.`,
        parameters: [requested],
      },
      deprecationHeaders,
    );
  };
}
