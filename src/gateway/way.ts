import type { Catalog, Operation } from '../atlas/catalog.ts';
import { targetPath } from '../atlas/catalog.ts';
import { countItems } from '../atlas/list-body.ts';
import { renderPage } from '../atlas/page.ts';
import {
  linkParameters,
  type PageShape,
  type ResolvedQuery,
  resolveQuery,
  SNAPSHOT_PARAMETER,
} from '../atlas/question.ts';
import { resolveVersion } from '../atlas/version.ts';
import type { Coding, createRenderings } from '../cache/renderings.ts';
import type { Clock } from '../lib/clock.ts';
import { chooseCoding, matchesEtag } from '../lib/content-coding.ts';
import { type UnexpectedErrorEvent, unexpectedError } from '../lib/unexpected-error.ts';
import {
  type Answer,
  answerAtlasError,
  answerPage,
  answerRefusal,
  type FinishedAnswer,
  type PageHead,
} from './answer.ts';
import type { Caller, Identified, Presented } from './callers.ts';
import { readDemand } from './demand.ts';
import type { AnsweredEvent, CacheOutcome, DeprecatedEvent } from './events.ts';
import {
  cachePartOf,
  type createLists,
  type HeldList,
  type ListQuestion,
  type Reading,
  type ReadList,
} from './lists.ts';
import { loggedPath } from './logged-path.ts';
import { judge } from './policy.ts';
import type { Recollection } from './recollection.ts';
import { type Refusal, refuse } from './refusal.ts';

/** The headers of a request that its answer depends on. */
export interface RequestHeaders {
  readonly authorization: string | undefined;
  readonly accept: string | undefined;
  readonly acceptEncoding: string | undefined;
  readonly ifNoneMatch: string | undefined;
  readonly cacheControl: string | undefined;
  readonly pragma: string | undefined;
}

/** A request that the edge let in: its target is in origin form, without dot segments. */
export interface GatewayRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: RequestHeaders;
}

export interface WayOptions {
  /** Scheme and host that links lead to; never taken from a request. */
  readonly publicUrl: () => string;
}

export interface WayDependencies {
  readonly catalog: Catalog;
  readonly identify: (
    authorization: string | undefined,
    presented: Presented,
  ) => Identified | Promise<Identified>;
  /** `WWW-Authenticate` values that name what is accepted. */
  readonly challenges: (stale: boolean) => readonly string[];
  /** Milliseconds until this caller may make a request again; 0 where it may now. */
  readonly pace: (caller: Caller) => number;
  readonly lists: ReturnType<typeof createLists>;
  readonly renderings: ReturnType<typeof createRenderings<PageHead>>;
  readonly recollection: Recollection<Asked>;
  readonly clock: Clock;
  readonly nextRequestId: () => string;
  readonly observe: (event: AnsweredEvent | DeprecatedEvent | UnexpectedErrorEvent) => void;
}

/** A request that was understood: its question, ready to be asked, and what is derived from it once. */
export interface Asked {
  readonly question: ListQuestion;
  readonly reading: Reading;
  /** Which project's part of the cache it is about. */
  readonly part: string;
  /** Its parameters as links name them. */
  readonly parameters: string;
  /** The key of its page among the renderings, for the listing it was last cut from. */
  page: { readonly serial: number; readonly key: string } | undefined;
  /** The coding that the last `Accept-Encoding` chooses. */
  accepted: { readonly encoding: string; readonly coding: Coding } | undefined;
}

/** Bytes of the texts that are kept with it, which are as long as its parameters are when they are encoded. */
export const textBytesOf = ({ parameters }: Asked): number => 2 * parameters.length;

/** What is known of a request by the time it is answered; filled in on the way. */
interface Journey {
  readonly requestId: string;
  readonly startedAt: number;
  caller: Caller | undefined;
  operation: Operation | undefined;
  project: string | undefined;
  cache: CacheOutcome;
  upstreamCalls: number;
  reason: string | undefined;
}

const HOW_TO_IDENTIFY =
  'Present a caller key of this gateway: as Authorization: Bearer <id>_<secret>, by HTTP digest with id and secret, or as a token from POST /api/oauth/token.';
const NO_CREDENTIAL =
  'No Atlas credential of this gateway covers this project: name it under credentials[].projects in the configuration.';
const BASIC_HINT =
  'Basic is not accepted here: trade id and secret for a token at POST /api/oauth/token, or use HTTP digest.';
const UNAVAILABLE = refuse(
  'AUTH_UNAVAILABLE',
  'Who you are cannot be checked now: the keys of the token\u2019s issuer cannot be had.',
  { retryAfterMs: 5_000 },
);

const UNKNOWN_OPERATION = refuse(
  'UNKNOWN_OPERATION',
  'This gateway does not serve this path. It serves the lists of the Atlas Administration API v2, such as /api/atlas/v2/groups/{groupId}/streams/privateLinkConnections; /openapi.json names all of them.',
);
const NOT_FOUND = refuse('NOT_FOUND', 'There is nothing here: the API is under /api/atlas/v2/.');
const UNEXPECTED_ERROR = refuse(
  'UNEXPECTED_ERROR',
  'The gateway failed to answer this request. Its log has a line with this X-Request-Id.',
);

/** Filters that were sent without a value, as `resolveQuery` returns them. */
type ResolvedBlank = Extract<ResolvedQuery, { type: 'resolved' }>['blank'];

/**
 * Whether a client may take a path for one of Atlas's API, however it is escaped: such a path is never answered with 404, which clients
 * read as "deleted".
 */
function isApiPath(path: string): boolean {
  try {
    return decodeURIComponent(path).startsWith('/api/');
  } catch {
    return path.startsWith('/api/');
  }
}

/** The way of a request, from the edge to the answer. Each step is in a file of its own; this one is the order they come in. */
export function createWay({ publicUrl }: WayOptions, dependencies: WayDependencies) {
  const { catalog, identify, challenges, pace, lists, renderings, recollection } = dependencies;
  const { clock, nextRequestId, observe } = dependencies;

  /** Step 2: nobody known is turned away. */
  function recognize(identified: Identified, journey: Journey): Caller | Refusal {
    switch (identified.type) {
      case 'unavailable':
        return UNAVAILABLE;
      case 'stranger':
        journey.reason = identified.reason;
        return refuse('UNAUTHENTICATED', identified.reason === 'basic' ? BASIC_HINT : HOW_TO_IDENTIFY, {
          headers: { 'WWW-Authenticate': [...challenges(identified.stale === true)] },
        });
      case 'caller':
        journey.caller = identified.caller;
        return identified.caller;
    }
  }

  /** Steps 3 and 4, read anew or remembered: what this very caller asked in the very same words a moment ago, and was allowed. */
  function understand(request: GatewayRequest, caller: Caller, journey: Journey): Asked | Refusal {
    const waitMs = pace(caller);
    if (waitMs > 0)
      return refuse('CALLER_RATE_LIMITED', 'You make more requests than the policy of this gateway allows.', {
        retryAfterMs: waitMs,
      });
    const { method, target, headers } = request;
    const reads = method === 'GET' || method === 'HEAD';
    const known = reads ? recollection.recall(caller, target, headers.accept, journey.startedAt) : undefined;
    if (known !== undefined) {
      journey.operation = known.question.operation;
      journey.project = projectOf(known.question.pathParameters);
      return known;
    }
    const resolved = resolve(request, caller, journey);
    if ('type' in resolved) return resolved;
    const { question, blank } = resolved;
    const { operation, shape, filters, pathParameters } = question;
    const asked: Asked = {
      question,
      reading: lists.createReading(question),
      part: cachePartOf(pathParameters),
      parameters: linkParameters(operation, shape, filters, blank),
      page: undefined,
      accepted: undefined,
    };
    recollection.remember(caller, target, headers.accept, asked, journey.startedAt);
    return asked;
  }

  /** Steps 3 and 4: what is asked for, and may this caller. */
  function resolve(
    request: GatewayRequest,
    caller: Caller,
    journey: Journey,
  ): { question: ListQuestion; blank: ResolvedBlank } | Refusal {
    const mark = request.target.indexOf('?');
    const path = mark < 0 ? request.target : request.target.slice(0, mark);
    const match = catalog.match(path);
    if (match.type === 'unknown') return isApiPath(path) ? UNKNOWN_OPERATION : NOT_FOUND;
    if (match.type === 'bad-parameter')
      return refuse('INVALID_PATH_PARAMETER', match.detail, { parameters: [match.name] });
    const { operation, pathParameters } = match;
    journey.operation = operation;
    journey.project = projectOf(pathParameters);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return refuse('METHOD_NOT_ALLOWED', 'This gateway only reads: use GET or HEAD.', {
        headers: { Allow: 'GET, HEAD' },
      });
    }
    const query = resolveQuery(operation, mark < 0 ? '' : request.target.slice(mark + 1));
    switch (judge(caller, operation, pathParameters, query.type === 'resolved' ? query.filters : [])) {
      case 'operation-forbidden':
        return refuse(
          'OPERATION_FORBIDDEN',
          `The policy of this gateway does not let you read ${operation.id}.`,
        );
      case 'project-forbidden':
        return refuse(
          'PROJECT_FORBIDDEN',
          'The policy of this gateway does not let you read this project or organization.',
        );
      case 'allowed':
        break;
    }
    if (query.type === 'invalid')
      return refuse(
        'INVALID_QUERY_PARAMETER',
        `Invalid query parameter ${query.parameter} specified. ${query.detail}`,
        { parameters: [query.parameter] },
      );
    const version = resolveVersion(
      operation,
      request.headers.accept,
      new Date(clock.wall()).toISOString().slice(0, 10),
    );
    if (version.type === 'not-acceptable')
      return refuse(
        'INVALID_VERSION_DATE',
        `Invalid accept header or version date. Send Accept: application/vnd.atlas.${operation.versions.at(-1)?.name}+json.`,
      );
    if (version.type === 'gone')
      return refuse(
        'VERSION_GONE',
        `Version ${version.version.name} of ${operation.id} was sunset on ${version.version.sunset}.`,
      );
    const question = {
      operation,
      pathParameters,
      mediaType: version.mediaType,
      version: version.version.name,
      filters: query.filters,
      shape: query.shape,
      caller,
    };
    return { question, blank: query.blank };
  }

  /** Step 7: the page that was asked for, cut from the list that was read. */
  function present(request: GatewayRequest, asked: Asked, read: ReadList, journey: Journey): Answer {
    journey.upstreamCalls = read.upstreamCalls;
    if (read.type === 'not-cached')
      return answerRefusal(
        refuse('NOT_CACHED', 'The list is not in memory, and the request asked not to load it.'),
      );
    if (read.type === 'full')
      return answerRefusal(
        refuse('OVERLOADED', 'Too many requests wait for Atlas already.', { retryAfterMs: 1_000 }),
      );
    journey.cache = read.how.outcome;
    const now = clock.now();
    switch (read.type) {
      case 'failed': {
        const { code, detail, retryAfterMs } = read.failure;
        return answerRefusal(refuse(code, detail, retryAfterMs === undefined ? {} : { retryAfterMs }));
      }
      case 'refused':
        return answerAtlasError(read.response, read.how, read.held, now);
      case 'value': {
        const { question, reading } = asked;
        const { operation, shape, caller } = question;
        const list = read.value;
        if (list.whole && hasOtherPages(list, shape)) reading.keep(list, read.held);
        if ('Sunset' in list.ageing)
          observe({
            type: 'deprecated',
            operation: operation.id,
            caller: caller.name,
            version: question.version,
          });
        const rendering = renderings.get(asked.part, pageKey(asked, list), () => render(asked, list));
        const coding = rendering.compressible ? codingFor(asked, request.headers.acceptEncoding) : 'identity';
        const body = rendering.body(coding);
        return answerPage({
          body,
          coding,
          mediaType: question.mediaType,
          ageing: list.ageing,
          how: read.how,
          held: read.held,
          now,
          unchanged: matchesEtag(request.headers.ifNoneMatch, body.etag),
        });
      }
    }
  }

  function render({ question, parameters }: Asked, list: HeldList): Buffer {
    const { operation, pathParameters, shape } = question;
    const { items, offset, goesOn, totalCount } = list;
    const count = shape.includeCount || !list.whole ? totalCount : undefined;
    return renderPage(
      {
        items,
        offset,
        goesOn,
        address: `${publicUrl()}${targetPath(operation, pathParameters)}`,
        parameters,
        // A list that is held by the page has no whole to lead back to.
        suffix: list.whole ? `&${SNAPSHOT_PARAMETER.name}=${list.snapshot}` : '',
        ...(count === undefined ? {} : { totalCount: count }),
      },
      shape,
    );
  }

  function finish(request: GatewayRequest, answer: Answer, journey: Journey): FinishedAnswer {
    const { requestId, startedAt, caller, operation, project, cache, upstreamCalls, reason } = journey;
    const { status, head, body, text, errorCode } = answer;
    const endedAt = clock.now();
    observe({
      type: 'answered',
      requestId,
      method: request.method,
      caller: caller?.name,
      operation: operation?.id,
      path: operation === undefined ? loggedPath(request.target) : undefined,
      project,
      status,
      cache,
      endedAt,
      durationMs: endedAt - startedAt,
      bytes: request.method === 'HEAD' ? 0 : body.length,
      upstreamCalls,
      errorCode,
      reason,
    });
    return { status, head, body, text, requestId };
  }

  const begin = (): Journey => ({
    requestId: nextRequestId(),
    startedAt: clock.now(),
    caller: undefined,
    operation: undefined,
    project: undefined,
    cache: 'none',
    upstreamCalls: 0,
    reason: undefined,
  });

  function goOn(
    request: GatewayRequest,
    caller: Caller | Refusal,
    journey: Journey,
  ): FinishedAnswer | Promise<FinishedAnswer> {
    if ('type' in caller) return finish(request, answerRefusal(caller), journey);
    const asked = understand(request, caller, journey);
    if ('type' in asked) return finish(request, answerRefusal(asked), journey);
    const { cacheControl, pragma } = request.headers;
    const read = asked.reading.read(readDemand(cacheControl, pragma));
    return read instanceof Promise
      ? read.then((late) => tell(request, asked, late, journey))
      : tell(request, asked, read, journey);
  }

  function tell(
    request: GatewayRequest,
    asked: Asked,
    read: ReadList | undefined,
    journey: Journey,
  ): FinishedAnswer {
    const answer =
      read === undefined
        ? answerRefusal(refuse('NO_CREDENTIAL_FOR_PROJECT', NO_CREDENTIAL))
        : present(request, asked, read, journey);
    return finish(request, answer, journey);
  }

  function start(request: GatewayRequest, journey: Journey): FinishedAnswer | Promise<FinishedAnswer> {
    const identified = identify(request.headers.authorization, request);
    return identified instanceof Promise
      ? identified.then((late) => goOn(request, recognize(late, journey), journey))
      : goOn(request, recognize(identified, journey), journey);
  }

  /** A bug: it fails this request only. */
  function fail(request: GatewayRequest, journey: Journey, error: unknown): FinishedAnswer {
    observe(unexpectedError('request', error, journey.requestId));
    return finish(request, answerRefusal(UNEXPECTED_ERROR), journey);
  }

  return {
    /** Answers at once where memory can; never throws and never rejects. */
    answer(request: GatewayRequest): FinishedAnswer | Promise<FinishedAnswer> {
      const journey = begin();
      try {
        const answered = start(request, journey);
        return answered instanceof Promise
          ? answered.catch((error: unknown) => fail(request, journey, error))
          : answered;
      } catch (error) {
        return fail(request, journey, error);
      }
    },
    /** Answers what the edge refused, so that it is counted and logged like any other. */
    refuse(request: GatewayRequest, refusal: Refusal): FinishedAnswer {
      return finish(request, answerRefusal(refusal), begin());
    },
  };
}

const projectOf = ({ groupId, orgId }: Readonly<Record<string, string>>) => groupId ?? orgId;

/** The page's key among the renderings: the serial tells the listing and with it version and filters, the rest the page's shape. */
function pageKey(asked: Asked, { serial }: HeldList): string {
  if (asked.page?.serial !== serial) {
    const { itemsPerPage, pageNum } = asked.question.shape;
    asked.page = { serial, key: `${serial} ${asked.parameters}${itemsPerPage}/${pageNum}` };
  }
  return asked.page.key;
}

/** Longer ones are read each time: what is remembered of a question must not grow with what is sent along with it. */
const MAX_ENCODING_LENGTH = 64;

function codingFor(asked: Asked, encoding: string | undefined): Coding {
  if (encoding === undefined) return 'identity';
  if (encoding.length > MAX_ENCODING_LENGTH) return chooseCoding(encoding);
  if (asked.accepted?.encoding !== encoding) asked.accepted = { encoding, coding: chooseCoding(encoding) };
  return asked.accepted.coding;
}

/** Whether links to other pages are written for this one. */
const hasOtherPages = ({ items }: HeldList, { pageNum, itemsPerPage }: PageShape) =>
  pageNum > 1 || countItems(items) > itemsPerPage;
