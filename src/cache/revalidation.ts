import { unexpectedError } from '../lib/unexpected-error.ts';
import type { CacheEvent } from './events.ts';
import type { CacheRequest, LoadOutcome, Loads } from './loads.ts';
import type { LoadFailure } from './results.ts';

type RefreshResult = Pick<Extract<CacheEvent, { type: 'refreshed' }>, 'outcome' | 'detail'>;

function resultOf<Value, Failure extends LoadFailure>(outcome: LoadOutcome<Value, Failure>): RefreshResult {
  if (outcome.type === 'failed') return { outcome: 'kept', detail: outcome.code };
  return { outcome: outcome.content.type === 'loaded' ? 'replaced' : 'refused' };
}

/** Returns a function that refreshes the entry of a request in the background, unless a load is in progress or its list cools down. */
export function createRevalidation<Value, Failure extends LoadFailure>({
  loads,
  clock,
  observe,
}: {
  loads: Loads<Value, Failure>;
  clock: { now(): number };
  observe: (event: CacheEvent) => void;
}): (request: CacheRequest<Value, Failure>) => void {
  return (request) => {
    if ((loads.failedLoads(request)?.until ?? 0) > clock.now() || loads.isLoading(request)) return;
    const attempt = loads.start(request, { priority: 'background', forced: false });
    if (attempt.type !== 'loading') return;
    const { operation, project } = request;
    const report = (result: RefreshResult) => observe({ type: 'refreshed', operation, project, ...result });
    attempt.outcome
      .then((outcome) => report(resultOf(outcome)))
      .catch((error: unknown) => {
        observe(unexpectedError('a refresh', error));
        report({ outcome: 'kept', detail: 'UNEXPECTED_ERROR' });
      });
  };
}
