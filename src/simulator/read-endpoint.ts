import type { IncomingHttpHeaders } from 'node:http';
import type { Catalog } from '../atlas/catalog.ts';
import { scopeOf } from '../atlas/rate-limit-buckets.ts';
import { resolveVersion } from '../atlas/version.ts';
import { type Clock, pause } from '../lib/clock.ts';
import type { Access } from './auth.ts';
import { createBodies, type RequestedBody } from './bodies.ts';
import { deprecationHeadersOf } from './deprecation.ts';
import { elementMissing } from './elements.ts';
import type { Address, View } from './generated-items.ts';
import type { Drawn, DrawToken } from './limits.ts';
import {
  credentialRefusal,
  invalidParameter,
  notAcceptable,
  projectRefusal,
  rateHeaders,
  rateLimited,
  troubleResponse,
  versionGone,
} from './refusals.ts';
import { SERVICE_HEADERS, type SimulatedResponse, unknownPath } from './response.ts';
import type { Weather } from './weather.ts';
import type { World } from './world.ts';

export interface ReadEndpointDependencies {
  readonly access: Access;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly draw: DrawToken;
  readonly weather: Weather;
  readonly world: World;
}

/** A `GET` request: its raw target, which digest signs, and its headers. */
export interface ReadRequest {
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
}

/** A request for an operation of the catalog, in the version that Atlas would answer with. */
interface MatchedRequest extends Omit<Address, 'filters'> {
  readonly view: View;
  readonly deprecationHeaders: Readonly<Record<string, string>>;
}

/** Never resolves: the request hangs until the client gives up. */
const forever = () => new Promise<never>(() => undefined);

/** `GET` of every operation in the catalog. */
export function createReadEndpoint(
  { linkOrigin }: { readonly linkOrigin: string },
  { access, catalog, clock, draw, weather, world }: ReadEndpointDependencies,
) {
  const bodies = createBodies({ linkOrigin }, { catalog, world });

  function match(path: string, headers: ReadRequest['headers']): MatchedRequest | SimulatedResponse {
    const matched = catalog.match(path);
    if (matched.type !== 'matched') return unknownPath(path);
    const { operation, pathParameters } = matched;
    const today = new Date(clock.wall()).toISOString().slice(0, 10);
    const resolved = resolveVersion(operation, headers.accept);
    if (resolved.type === 'not-acceptable') return notAcceptable();
    const { version } = resolved;
    const deprecationHeaders = deprecationHeadersOf(operation, version);
    if (version.sunset !== undefined && today >= version.sunset)
      return versionGone(version.name, deprecationHeaders);
    const effectiveFields = operation.headerParameters.some(
      ({ name }) => headers[name.toLowerCase()] === 'true',
    );
    const view = { version: version.name, effectiveFields };
    return { path, operation, pathParameters, view, deprecationHeaders };
  }

  /** Waits as long as the weather says, and takes the body from the data at the moment of the answer. */
  async function answer(
    { operation, pathParameters, view, deprecationHeaders }: MatchedRequest,
    body: RequestedBody,
    drawn: Drawn,
  ): Promise<SimulatedResponse> {
    const place = { operation: operation.id, project: pathParameters['groupId'] };
    const trouble = weather.trouble(place, { counts: body.counts });
    if (trouble?.type === 'hang') return forever();
    const latencyMs = weather.latencyMs(place, trouble === undefined ? body.countItems() : 0);
    if (latencyMs > 0) await pause(clock, latencyMs);
    if (trouble !== undefined) return troubleResponse(trouble);
    const headers = { ...rateHeaders(drawn), ...deprecationHeaders };
    const written = body.write();
    if (written === undefined) return elementMissing(body.address, headers);
    return {
      status: 200,
      headers: {
        ...SERVICE_HEADERS,
        ...headers,
        'Content-Type': `application/vnd.atlas.${view.version}+json;charset=utf-8`,
        'X-MongoDB-Service-Version': 'gitHash=simulated; versionString=master',
      },
      body: written,
    };
  }

  return async ({ target, headers }: ReadRequest): Promise<SimulatedResponse> => {
    const { pathname: path, searchParams } = new URL(target, 'http://simulator');
    const refusal = credentialRefusal(access, { authorization: headers.authorization, target });
    if (refusal !== undefined) return refusal;
    const matched = match(path, headers);
    if ('status' in matched) return matched;
    const { operation, pathParameters, deprecationHeaders } = matched;
    const drawn = draw(operation.endpointSet, scopeOf(pathParameters));
    if (drawn.retryAfterSeconds !== undefined) return rateLimited(path, drawn, drawn.retryAfterSeconds);
    const { groupId } = pathParameters;
    const forbidden = projectRefusal(groupId, world.findProject(groupId), deprecationHeaders);
    if (forbidden !== undefined) return forbidden;
    const requested = bodies.read(matched, searchParams);
    return typeof requested === 'string'
      ? invalidParameter(requested, deprecationHeaders)
      : answer(matched, requested, drawn);
  };
}
