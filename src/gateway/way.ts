import type { Catalog, Operation } from '../atlas/catalog.ts';
import { targetPath } from '../atlas/catalog.ts';
import { countItems } from '../atlas/list-body.ts';
import { renderPage } from '../atlas/page.ts';
import { linkParameters, type PageShape, resolveQuery, SNAPSHOT_PARAMETER } from '../atlas/question.ts';
import { resolveVersion } from '../atlas/version.ts';
import type { createRenderings } from '../cache/renderings.ts';
import type { Clock } from '../lib/clock.ts';
import { chooseCoding, matchesEtag } from '../lib/content-coding.ts';
import { type Answer, answerAtlasError, answerPage, answerRefusal } from './answer.ts';
import type { Caller, Identified, Presented } from './callers.ts';
import { readDemand } from './demand.ts';
import type { AnsweredEvent, CacheOutcome, DeprecatedEvent } from './events.ts';
import { cachePartOf, type createLists, type HeldList, type ListQuestion, type ReadList } from './lists.ts';
import { judge } from './policy.ts';
import { type Refusal, refuse } from './refusal.ts';
import type { createViews } from './views.ts';

/** A request that the edge let in: its target is in origin form and canonical. Header names are in lower case. */
export interface GatewayRequest {
  readonly method: string;
  readonly path: string;
  /** Without `?`. */
  readonly query: string;
  readonly header: (name: string) => string | undefined;
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
  readonly renderings: ReturnType<typeof createRenderings>;
  readonly clock: Clock;
  readonly nextRequestId: () => string;
  readonly viewFor: ReturnType<typeof createViews>;
  readonly observe: (event: AnsweredEvent | DeprecatedEvent) => void;
}

/** What is known of a request by the time it is answered; filled in on the way. */
interface Journey {
  readonly requestId: string;
  readonly startedAt: number;
  caller?: Caller;
  operation?: Operation;
  project?: string;
  cache: CacheOutcome;
  upstreamCalls: number;
  reason?: string;
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

/** The way of a request, from the edge to the answer. Each step is in a file of its own; this one is the order they come in. */
export function createWay({ publicUrl }: WayOptions, dependencies: WayDependencies) {
  const { catalog, identify, challenges, pace, lists, viewFor, renderings, clock, nextRequestId, observe } =
    dependencies;

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

  /** Steps 3 and 4: what is asked for, and may this caller. */
  function resolve(request: GatewayRequest, caller: Caller, journey: Journey): ListQuestion | Refusal {
    const waitMs = pace(caller);
    if (waitMs > 0)
      return refuse('CALLER_RATE_LIMITED', 'You make more requests than the policy of this gateway allows.', {
        retryAfterMs: waitMs,
      });
    const match = catalog.match(request.path);
    if (match.type === 'unknown')
      return refuse(
        'UNKNOWN_OPERATION',
        'This gateway serves the lists of the Atlas Administration API v2, such as /api/atlas/v2/groups/{groupId}/streams/privateLinkConnections.',
      );
    if (match.type === 'bad-parameter')
      return refuse('INVALID_PATH_PARAMETER', match.detail, { parameters: [match.name] });
    const { operation, pathParameters } = match;
    journey.operation = operation;
    const project = pathParameters['groupId'] ?? pathParameters['orgId'];
    if (project !== undefined) journey.project = project;
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return refuse('METHOD_NOT_ALLOWED', 'This gateway only reads: use GET or HEAD.', {
        headers: { Allow: 'GET, HEAD' },
      });
    }
    const query = resolveQuery(operation, request.query);
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
      request.header('accept'),
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
    const demand = readDemand(request.header('cache-control'), request.header('pragma'));
    return {
      operation,
      pathParameters,
      mediaType: version.mediaType,
      version: version.version.name,
      filters: query.filters,
      shape: query.shape,
      demand,
      caller,
    };
  }

  /** Step 7: the page that was asked for, cut from the list that was read. */
  function present(
    request: GatewayRequest,
    question: ListQuestion,
    read: ReadList,
    journey: Journey,
  ): Answer {
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
        const { operation, pathParameters, shape, filters, caller } = question;
        const list = viewFor(caller, operation.id, read.value);
        // A list that is held by the page has no whole to lead back to.
        const suffix = list.whole ? `&${SNAPSHOT_PARAMETER.name}=${list.snapshot}` : '';
        if (list.whole && hasOtherPages(list, shape)) lists.keep(question, read.value, read.held);
        if ('Sunset' in list.ageing)
          observe({
            type: 'deprecated',
            operation: operation.id,
            caller: caller.name,
            version: question.version,
          });
        const parameters = linkParameters(operation, shape, filters);
        const key = `${list.serial} ${parameters}${shape.itemsPerPage}/${shape.pageNum}`;
        const rendering = renderings.get(cachePartOf(pathParameters), key, () => {
          const { items, offset, goesOn, totalCount } = list;
          const count = shape.includeCount || !list.whole ? totalCount : undefined;
          const source = {
            items,
            offset,
            goesOn,
            address: `${publicUrl()}${targetPath(operation, pathParameters)}`,
            parameters,
            suffix,
          };
          return renderPage({ ...source, ...(count === undefined ? {} : { totalCount: count }) }, shape);
        });
        const coding = rendering.compressible ? chooseCoding(request.header('accept-encoding')) : 'identity';
        const ifNoneMatch = request.header('if-none-match');
        return answerPage({
          rendering,
          coding,
          mediaType: question.mediaType,
          ageing: list.ageing,
          how: read.how,
          held: read.held,
          now,
          unchanged: (etag) => matchesEtag(ifNoneMatch, etag),
        });
      }
    }
  }

  function finish(request: GatewayRequest, answer: Answer, journey: Journey): Answer {
    const { requestId, caller, operation, project, cache, upstreamCalls, reason } = journey;
    observe({
      type: 'answered',
      requestId,
      method: request.method,
      status: answer.status,
      cache,
      durationMs: clock.now() - journey.startedAt,
      bytes: request.method === 'HEAD' ? 0 : answer.body.length,
      upstreamCalls,
      ...(caller === undefined ? {} : { caller: caller.name }),
      ...(operation === undefined ? {} : { operation: operation.id }),
      ...(project === undefined ? {} : { project }),
      ...(answer.errorCode === undefined ? {} : { errorCode: answer.errorCode }),
      ...(reason === undefined ? {} : { reason }),
    });
    return {
      ...answer,
      headers: { ...answer.headers, 'X-Content-Type-Options': 'nosniff', 'X-Request-Id': requestId },
    };
  }

  const begin = (): Journey => ({
    requestId: nextRequestId(),
    startedAt: clock.now(),
    cache: 'none',
    upstreamCalls: 0,
  });

  return {
    /** Answers at once where memory can; never rejects. */
    answer(request: GatewayRequest): Answer | Promise<Answer> {
      const journey = begin();
      const target = request.query === '' ? request.path : `${request.path}?${request.query}`;
      const identified = identify(request.header('authorization'), { method: request.method, target });
      if (identified instanceof Promise)
        return identified.then((late) => goOn(request, recognize(late, journey), journey));
      return goOn(request, recognize(identified, journey), journey);
    },
    /** Answers what the edge refused, so that it is counted and logged like any other. */
    refuse(request: GatewayRequest, refusal: Refusal): Answer {
      return finish(request, answerRefusal(refusal), begin());
    },
  };

  function goOn(
    request: GatewayRequest,
    caller: Caller | Refusal,
    journey: Journey,
  ): Answer | Promise<Answer> {
    if ('type' in caller) return finish(request, answerRefusal(caller), journey);
    const question = resolve(request, caller, journey);
    if ('type' in question) return finish(request, answerRefusal(question), journey);
    const answered = (result: ReadList | undefined) => {
      const refusal = refuse('NO_CREDENTIAL_FOR_PROJECT', NO_CREDENTIAL);
      return finish(
        request,
        result === undefined ? answerRefusal(refusal) : present(request, question, result, journey),
        journey,
      );
    };
    const read = lists.read(question);
    return read instanceof Promise ? read.then(answered) : answered(read);
  }
}

/** Whether links to other pages are written for this one. */
const hasOtherPages = ({ items }: HeldList, { pageNum, itemsPerPage }: PageShape) =>
  pageNum > 1 || countItems(items) > itemsPerPage;
