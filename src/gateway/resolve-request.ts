import type { Catalog, Operation } from '../atlas/catalog.ts';
import { type HeaderValues, resolveHeaders } from '../atlas/header-parameters.ts';
import { unservedOperations } from '../atlas/operations.ts';
import { linkParameters, type ResolvedQuery, resolveQuery } from '../atlas/query.ts';
import { createVersionChoice } from '../atlas/version.ts';
import type { TraceSpan } from '../lib/trace-span.ts';
import type { Caller } from './auth/key-auth.ts';
import { authorize } from './auth/policy.ts';
import { denialOf, type Requested } from './denial.ts';
import { type GatewayError, gatewayError } from './gateway-error.ts';
import { createOwnProject, isOwnProject } from './own-project.ts';
import { partitionOf } from './reads/cache-key.ts';
import type { Listing, ReadQuery, ReadResult } from './reads/listing.ts';
import type { ReadService } from './reads/read-service.ts';
import type { Reader } from './reads/reader.ts';
import type { RequestContext } from './request-context.ts';
import type { RequestMemo } from './request-memo.ts';
import { createUnknownOperation, createUnservedLookup } from './unknown-operation.ts';

/** The request headers that the gateway reads. */
export interface RequestHeaders {
  readonly authorization: string | undefined;
  readonly accept: string | undefined;
  readonly acceptEncoding: string | undefined;
  readonly ifNoneMatch: string | undefined;
  readonly cacheControl: string | undefined;
  readonly pragma: string | undefined;
  /** Header parameters of Atlas's operations; absent if there are none. */
  readonly parameters?: HeaderValues | undefined;
  /** The others identify the request in logs and traces; the response does not depend on them. */
  readonly requestId: string | undefined;
  readonly traceparent: string | undefined;
  readonly userAgent: string | undefined;
  readonly forwardedFor: string | undefined;
}

/** A request that passed the edge checks; its target is in origin form, without dot segments. */
export interface GatewayRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: RequestHeaders;
  /** The peer address of the connection; undefined for requests without a socket. */
  readonly peer?: string | undefined;
}

/** A parsed and authorized request: its query, its reader, and values derived from it once. */
export interface ResolvedRequest {
  readonly query: ReadQuery;
  readonly reader: Reader;
  /** The cache partition of its project. */
  readonly partition: string;
  /** Its parameters as they appear in links. */
  readonly parameters: string;
  /** Key of its rendered page, for the listing revision it was last rendered from. */
  page: { readonly revision: number; readonly key: string } | undefined;
  /** Absent if it is known that the caller may read it. */
  readonly admission?: ProjectAdmission;
}

/** Whether the caller may read a project that the path names by its name. */
export interface ProjectAdmission {
  /** Asked before the read. */
  readonly admit: (span: TraceSpan | undefined) => Promise<Admission>;
  /** Asked after it: the error if the project that was read is not one of the caller's. */
  readonly denialOf: (project: Listing) => GatewayError | undefined;
}

/** `failed`: the list of projects could not be read, for this reason. */
export type Admission =
  | { readonly type: 'admitted' }
  | { readonly type: 'denied'; readonly error: GatewayError }
  | { readonly type: 'failed'; readonly read: ReadResult | undefined };

/** Bytes of the strings stored with a resolved request, estimated from the length of its encoded parameters. */
export const textBytesOf = ({ parameters }: ResolvedRequest): number => 2 * parameters.length;

export interface ResolveDependencies {
  readonly catalog: Catalog;
  /** Charges one request to the caller's rate limit and returns 0, or returns the milliseconds until one is available. */
  readonly acquireRequest: (caller: Caller) => number;
  readonly lists: ReadService;
  readonly requestMemo: RequestMemo<ResolvedRequest>;
}

/** Names in metrics every version that the catalog does not know. */
const OTHER_VERSION = 'other';
const READ_ONLY =
  'This gateway is read-only: use GET or HEAD. Send writes to Atlas itself, with credentials of your own.';
const NOT_FOUND = gatewayError('NOT_FOUND', 'Not found: the API is under /api/atlas/v2/.');
/** Filters that were sent without a value, as `resolveQuery` returns them. */
type ResolvedBlank = Extract<ResolvedQuery, { type: 'resolved' }>['blank'];

/** What a request asks for: its query, the filters that it sent without a value, and whether its caller may read it. */
interface ParsedRequest {
  readonly query: ReadQuery;
  readonly blank: ResolvedBlank;
  readonly decision: 'allowed' | 'if-own-project';
}

/**
 * A path that a client may interpret as one of the Atlas API, whatever it percent-encodes. It never gets a 404, which clients interpret as
 * "deleted".
 */
const API_PATH = /^\/(?:a|%61)(?:p|%70)(?:i|%69)(?:\/|%2[fF]|$)/;

/** What of the headers selects the representation of a resource, as one string. */
const variantOf = ({ accept, parameters }: RequestHeaders): string | undefined =>
  parameters === undefined ? accept : `${accept}\n${JSON.stringify(parameters)}`;

const projectOf = ({ groupId, orgId }: Readonly<Record<string, string>>) => groupId ?? orgId;

/** The path and the query of a target in origin form. */
function splitTarget(target: string): { path: string; rawQuery: string } {
  const mark = target.indexOf('?');
  return mark < 0
    ? { path: target, rawQuery: '' }
    : { path: target.slice(0, mark), rawQuery: target.slice(mark + 1) };
}

const isRead = (method: string) => method === 'GET' || method === 'HEAD';

/** Whether the policy of the gateway allows a read; if not, the error. */
function decide(
  requested: Requested,
  parameters: ResolvedQuery,
): 'allowed' | 'if-own-project' | GatewayError {
  const filters = parameters.type === 'resolved' ? parameters.filters : [];
  const decision = authorize(requested.caller, requested.operation, requested.pathParameters, filters);
  return decision === 'allowed' || decision === 'if-own-project' ? decision : denialOf(decision, requested);
}

/** The first sentence is Atlas's own. */
function notAcceptable({ id, versions }: Operation, accept: string | undefined): GatewayError {
  const names = versions.map(({ name }) => name);
  const reason =
    (accept ?? '') === '' ? 'The Accept header is missing.' : 'The Accept header names no valid API version.';
  return gatewayError(
    'INVALID_VERSION_DATE',
    `Invalid accept header or version date. ${reason} ${id} has ${names.length === 1 ? 'the version' : 'the versions'} ${names.join(', ')}: send Accept: application/vnd.atlas.${names.at(-1)}+json.`,
  );
}

function invalidQuery({ parameter, detail }: { parameter: string; detail: string }): GatewayError {
  if (parameter === '') return gatewayError('INVALID_QUERY_PARAMETER', detail);
  const sentence = `Invalid query parameter ${parameter} specified. ${detail}`;
  return gatewayError('INVALID_QUERY_PARAMETER', sentence, { parameters: [parameter] });
}

/** Steps 3 and 4: parses a request and authorizes its caller; memoized for repeated identical requests of the same caller. */
export function createResolveRequest({ catalog, acquireRequest, lists, requestMemo }: ResolveDependencies) {
  const chooseVersion = createVersionChoice(catalog.operations);
  const findUnserved = createUnservedLookup(unservedOperations);
  const unknownOperation = createUnknownOperation(catalog.operations, findUnserved);
  const ownProject = createOwnProject({ catalog, lists });

  function createAdmission({ operation, pathParameters, caller }: ReadQuery): ProjectAdmission {
    const denial = () => denialOf('project-forbidden', { caller, operation, pathParameters });
    return {
      async admit(span) {
        const found = await ownProject({ caller, name: pathParameters['groupName'] ?? '', span });
        switch (found.type) {
          case 'own':
            return { type: 'admitted' };
          case 'foreign':
            return { type: 'denied', error: denial() };
          case 'unknown':
            return { type: 'failed', read: found.read };
        }
      },
      denialOf: (project) => (isOwnProject(caller, project) ? undefined : denial()),
    };
  }

  /** Notes in the context what is known of the request, also if it is rejected. */
  function parseAndAuthorize(
    { method, target, headers }: GatewayRequest,
    caller: Caller,
    context: RequestContext,
  ): ParsedRequest | GatewayError {
    const { path, rawQuery } = splitTarget(target);
    const match = catalog.match(path);
    if (match.type === 'unknown') return API_PATH.test(path) ? unknownOperation(method, path) : NOT_FOUND;
    if (match.type === 'bad-parameter') {
      // The name of a download, such as queryLogs.gz, stands where another operation has an id.
      if (findUnserved(path) !== undefined) return unknownOperation(method, path);
      return gatewayError('INVALID_PATH_PARAMETER', match.detail, { parameters: [match.name] });
    }
    const { operation, pathParameters } = match;
    context.operation = operation;
    context.project = projectOf(pathParameters);
    if (!isRead(method))
      return gatewayError('METHOD_NOT_ALLOWED', READ_ONLY, { headers: { Allow: 'GET, HEAD' } });
    const parameters = resolveQuery(operation, rawQuery);
    const decision = decide({ caller, operation, pathParameters }, parameters);
    if (typeof decision !== 'string') return decision;
    if (parameters.type === 'invalid') return invalidQuery(parameters);
    const version = chooseVersion(operation, headers.accept);
    if (version === undefined) return notAcceptable(operation, headers.accept);
    const resolved = resolveHeaders(operation, headers.parameters);
    if (resolved.type === 'invalid')
      return gatewayError('INVALID_REQUEST', resolved.detail, { parameters: [resolved.name] });
    const { filters, shape, blank } = parameters;
    return {
      query: {
        operation,
        pathParameters,
        mediaType: version.mediaType,
        version: version.known ?? OTHER_VERSION,
        headers: resolved.headers,
        filters,
        shape,
        caller,
      },
      blank,
      decision,
    };
  }

  return (
    request: GatewayRequest,
    caller: Caller,
    context: RequestContext,
  ): ResolvedRequest | GatewayError => {
    const waitMs = acquireRequest(caller);
    if (waitMs > 0)
      return gatewayError(
        'CALLER_RATE_LIMITED',
        'You exceeded the request rate that the policy of this gateway allows.',
        { retryAfterMs: waitMs },
      );
    const { method, target, headers } = request;
    const variant = variantOf(headers);
    const known = isRead(method) ? requestMemo.get(caller, target, variant) : undefined;
    if (known !== undefined) {
      context.operation = known.query.operation;
      context.project = projectOf(known.query.pathParameters);
      return known;
    }
    const parsed = parseAndAuthorize(request, caller, context);
    if ('type' in parsed) return parsed;
    const { query, blank, decision } = parsed;
    const resolved: ResolvedRequest = {
      query,
      reader: lists.createReader(query),
      partition: partitionOf(query.pathParameters),
      parameters: linkParameters(query.operation, query.shape, query.filters, blank),
      page: undefined,
      ...(decision === 'if-own-project' ? { admission: createAdmission(query) } : {}),
    };
    requestMemo.set(caller, target, variant, resolved);
    return resolved;
  };
}
