import type { FailingReport } from '../failing-report.ts';
import type { StatusReport } from '../report.ts';

/** `stale`: all that fails is served from older lists. `failing`: some requests cannot be answered. */
export type Health = 'ok' | 'stale' | 'failing';

export function healthOf({ failing }: Pick<StatusReport, 'failing'>): Health {
  if (failing.length === 0) return 'ok';
  return failing.some(({ failsRequests }) => failsRequests) ? 'failing' : 'stale';
}

/** Codes of failures that are not Atlas's own: its limits, credentials that it rejects, and requests that were not sent in time. */
const OTHER_FAILURES: Readonly<Record<string, string>> = {
  UPSTREAM_RATE_LIMITED: 'Atlas limits the rate of requests',
  UPSTREAM_AUTH: 'Atlas rejects the credentials',
  CREDENTIALS_UNAVAILABLE: 'No token can be obtained from Atlas',
  UPSTREAM_UNREACHABLE: 'Atlas is unreachable',
  UPSTREAM_TIMEOUT: 'Atlas does not answer in time',
  OVERLOADED: 'All connections to Atlas are in use',
};

/** What fails, as the beginning of a sentence. */
export const failureText = (code: string): string => OTHER_FAILURES[code] ?? `Atlas is failing (${code})`;

/** The code of most failures. */
export function mainCode(failing: readonly Pick<FailingReport, 'code'>[]): string {
  const counts = new Map<string, number>();
  for (const { code } of failing) counts.set(code, (counts.get(code) ?? 0) + 1);
  const [first] = [...counts].sort(([, one], [, other]) => other - one);
  return first?.[0] ?? '';
}
