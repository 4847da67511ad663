import { type CacheDirectives, type ColdDecision, satisfies } from './decide.ts';
import type { Content } from './entry-store.ts';
import { type FreshnessWindow, freshnessWindow } from './freshness.ts';
import type { CacheRequest, EarlyAnswer, LoadAttempt, LoadOutcome, Loads } from './loads.ts';
import type { Entry } from './memory-tier.ts';
import type { PageGenerations } from './page-generation.ts';
import type { CacheRead, CacheStatus, Forwarded, LoadFailure, SharedOrigin } from './results.ts';

/** A cached entry to serve, with its window as of now. */
interface Fallback<Value, Failure extends LoadFailure> {
  readonly entry: Entry<Content<Value, Failure>>;
  readonly window: FreshnessWindow;
}

/** The result of a read that serves a cached entry. */
export const serveEntry = <Value, Failure extends LoadFailure>(
  { entry, window }: Fallback<Value, Failure>,
  cacheStatus: CacheStatus,
): CacheRead<Value, Failure> =>
  entry.value.type === 'loaded'
    ? { type: 'value', value: entry.value.value, window, cacheStatus }
    : { type: 'refused', response: entry.value.response, window, cacheStatus };

/** Whether the result of a load satisfies the directives: only a value that another gateway loaded may be older than the request. */
function isAcceptable<Value, Failure extends LoadFailure>(
  loaded: LoadOutcome<Value, Failure> & { type: 'completed' },
  directives: CacheDirectives,
  now: number,
): boolean {
  if (loaded.content.type === 'refused') return true;
  const { shared } = loaded.content;
  return shared === undefined || shared.failure !== undefined || satisfies(directives, shared.window, now);
}

/**
 * Returns a function that answers a request for which memory has nothing to serve at once: it waits for a load, or serves `entry` if no
 * load is allowed or the load fails.
 */
export function createReadThrough<Value, Failure extends LoadFailure>({
  loads,
  revalidate,
  generations,
  clock,
}: {
  loads: Loads<Value, Failure>;
  revalidate: (request: CacheRequest<Value, Failure>) => void;
  generations: PageGenerations;
  clock: { now(): number };
}) {
  type Read = CacheRead<Value, Failure>;

  /** Serves the fallback although the decision was to load, without a request to Atlas. */
  const serveInstead = (fallback: Fallback<Value, Failure>, detail: string): Read =>
    serveEntry(fallback, { outcome: clock.now() < fallback.window.freshUntil ? 'hit' : 'stale', detail });

  const refuse = (failure: Failure, fallback: Fallback<Value, Failure> | undefined): Read =>
    fallback === undefined
      ? { type: 'failed', failure, cacheStatus: { outcome: 'miss' } }
      : serveInstead(fallback, failure.code);

  function readThrough(
    request: CacheRequest<Value, Failure>,
    decision: ColdDecision,
    entry: Entry<Content<Value, Failure>> | undefined,
  ): Read | Promise<Read> {
    if (decision.type === 'not-cached') return { type: 'not-cached' };
    const window = decision.fallback;
    const fallback = entry === undefined || window === undefined ? undefined : { entry, window };
    if (decision.type === 'load') return load(request, decision, fallback);
    const failed = loads.failedLoads(request);
    // Only failed loads start a cool-down.
    if (failed === undefined) return { type: 'overloaded' };
    const retryAfterMs = Math.max(0, failed.until - clock.now());
    return refuse({ ...failed.failure, retryAfterMs }, fallback);
  }

  async function load(
    request: CacheRequest<Value, Failure>,
    decision: ColdDecision & { type: 'load' },
    fallback: Fallback<Value, Failure> | undefined,
  ): Promise<Read> {
    const { forced, forwarded } = decision;
    const attempt = loads.start(request, { priority: 'foreground', forced });
    switch (attempt.type) {
      case 'denied':
        return refuse(attempt.failure, fallback);
      case 'overloaded':
        return fallback === undefined ? { type: 'overloaded' } : serveInstead(fallback, 'OVERLOADED');
      case 'loading': {
        const collapsed = attempt.role === 'follower';
        const loaded = await firstAnswer(request, attempt, isServedWhenSlow(request, fallback));
        // A follower whose directives require a newer value than the shared load returned starts a load of its own.
        if (
          collapsed &&
          loaded.type === 'completed' &&
          !isAcceptable(loaded, request.directives, clock.now())
        )
          return load(request, decision, fallback);
        const bypass = forced && fallback !== undefined;
        const outcome = bypass ? 'bypass' : collapsed ? 'coalesced' : 'miss';
        const cacheStatus = { outcome, forwarded, collapsed } as const;
        if (loaded.type === 'partial') return toPartial(request, loaded, cacheStatus);
        return loaded.type === 'slow'
          ? toSlow(fallback, cacheStatus)
          : toRead(request, loaded, cacheStatus, fallback);
      }
    }
  }

  /** A page of an earlier generation takes the place of a newer one only if that cannot be loaded. */
  const isServedWhenSlow = (
    { project, page }: CacheRequest<Value, Failure>,
    fallback: Fallback<Value, Failure> | undefined,
  ) =>
    fallback !== undefined &&
    (page === undefined || !generations.isSuperseded(project, page, fallback.window.loadedAt));

  /** The result of the load, or what answers the request before. */
  async function firstAnswer(
    { awaitEarly }: CacheRequest<Value, Failure>,
    { flight, outcome }: LoadAttempt<Value, Failure> & { type: 'loading' },
    hasFallback: boolean,
  ): Promise<LoadOutcome<Value, Failure> | EarlyAnswer<Value, Failure>> {
    const early = awaitEarly?.({ flight, hasFallback });
    if (early === undefined) return outcome;
    return Promise.race([outcome, early.answer]).finally(() => early.end());
  }

  /** A part of a value is not stored: a later request gets it from the whole. */
  const toPartial = (
    { lifetimes }: CacheRequest<Value, Failure>,
    { value, loadedAt }: { value: Value; loadedAt: number },
    cacheStatus: CacheStatus,
  ): Read => ({
    type: 'value',
    value,
    window: freshnessWindow(loadedAt, lifetimes),
    cacheStatus: { ...cacheStatus, detail: 'partial' },
  });

  /** Serves the older value; the load that takes long continues in the background. */
  const toSlow = (fallback: Fallback<Value, Failure> | undefined, { forwarded }: CacheStatus): Read =>
    fallback === undefined
      ? { type: 'overloaded' }
      : serveEntry(fallback, {
          outcome: 'stale',
          ...(forwarded === undefined ? {} : { forwarded }),
          detail: 'SLOW',
        });

  function serveAfterFailure(
    { code, unsent }: Failure,
    forwarded: Forwarded,
    fallback: Fallback<Value, Failure>,
  ): Read {
    if (unsent === true) return serveInstead(fallback, code);
    return serveEntry(fallback, { outcome: 'stale', forwarded, detail: code });
  }

  function toRead(
    request: CacheRequest<Value, Failure>,
    loaded: LoadOutcome<Value, Failure>,
    cacheStatus: CacheStatus & { readonly forwarded: Forwarded },
    fallback: Fallback<Value, Failure> | undefined,
  ): Read {
    if (loaded.type === 'failed')
      return fallback === undefined
        ? { type: 'failed', failure: loaded, cacheStatus }
        : serveAfterFailure(loaded, cacheStatus.forwarded, fallback);
    const { content, window, stored } = loaded;
    const status = { ...cacheStatus, stored };
    if (content.type === 'refused')
      return { type: 'refused', response: content.response, window, cacheStatus: status };
    const { value, shared } = content;
    if (shared === undefined) return { type: 'value', value, window, cacheStatus: status };
    return { type: 'value', value, window, cacheStatus: sharedStatus(request, shared, status) };
  }

  /** Without a failure nothing was requested from Atlas: another gateway did that. Its value may already be stale. */
  function sharedStatus(
    request: CacheRequest<Value, Failure>,
    { window, failure }: SharedOrigin<Failure>,
    cacheStatus: CacheStatus,
  ): CacheStatus {
    const isFresh = clock.now() < window.freshUntil;
    const outcome = isFresh ? cacheStatus.outcome : 'stale';
    if (failure !== undefined)
      return { ...(failure.unsent === true ? {} : cacheStatus), outcome, detail: failure.code };
    if (!isFresh && cacheStatus.stored === true) revalidate(request);
    return { outcome, detail: 'shared' };
  }

  return readThrough;
}
