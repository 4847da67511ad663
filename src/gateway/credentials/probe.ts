import { errorCodeOf } from '../../atlas/api-error.ts';
import type { Clock } from '../../lib/clock.ts';
import { PROBE } from '../../upstream/auth/digest.ts';
import type { Send, UpstreamFailure, UpstreamResponse } from '../../upstream/message.ts';
import { ADDRESS_CODES } from '../reads/upstream-denial.ts';

/**
 * The outcome of one request with a credential. `wrong-secret`: Atlas does not know it. `address-refused`: Atlas rejects the IP address of
 * the gateway. `forbidden`: Atlas knows it but denies all access. `untrusted`: the server's certificate is not trusted.
 */
export type ProbeOutcome =
  | 'accepted'
  | 'wrong-secret'
  | 'address-refused'
  | 'forbidden'
  | 'rate-limited'
  | 'unreachable'
  | 'untrusted'
  | 'too-slow'
  | 'unexpected';

/** The outcome, and the response or network error in a sentence without secrets. */
export interface ProbeResult {
  readonly outcome: ProbeOutcome;
  readonly detail: string;
}

function outcomeOfStatus(status: number, errorCode: string | undefined): ProbeOutcome {
  if (status >= 200 && status < 300) return 'accepted';
  if (errorCode !== undefined && ADDRESS_CODES.has(errorCode)) return 'address-refused';
  if (status === 429) return 'rate-limited';
  return status === 401 || status === 403 ? 'forbidden' : 'unexpected';
}

/** The outcome of a status received in place of a token or a challenge: even a 2xx is unexpected. */
function outcomeWithoutChallenge(status: number): ProbeOutcome {
  const outcome = outcomeOfStatus(status, undefined);
  return outcome === 'accepted' ? 'unexpected' : outcome;
}

function resultOf({ status, body }: UpstreamResponse): ProbeResult {
  const code = errorCodeOf(body);
  const suffix = code === undefined ? '' : ` ${code}`;
  return { outcome: outcomeOfStatus(status, code), detail: `Atlas answered ${status}${suffix}.` };
}

function outcomeOfFailure({ code, status }: UpstreamFailure): ProbeOutcome {
  switch (code) {
    case 'UPSTREAM_AUTH':
      // Without a status, Atlas rejected the signature or the token.
      return status === undefined ? 'wrong-secret' : outcomeWithoutChallenge(status);
    case 'CREDENTIALS_UNAVAILABLE':
      // The token endpoint returns 401 if id or secret is wrong, and 403 if they are correct but get no token.
      if (status === 401) return 'wrong-secret';
      return status === undefined ? 'unexpected' : outcomeWithoutChallenge(status);
    case 'UPSTREAM_UNREACHABLE':
      return 'unreachable';
    case 'UPSTREAM_TLS':
      return 'untrusted';
    case 'UPSTREAM_TIMEOUT':
      return 'too-slow';
    case 'UPSTREAM_RATE_LIMITED':
    case 'CALLER_RATE_LIMITED':
      return 'rate-limited';
    case 'UPSTREAM_PROTOCOL':
    case 'UPSTREAM_BAD_BODY':
    case 'UPSTREAM_TOO_LARGE':
    case 'UPSTREAM_REDIRECT':
    case 'UPSTREAM_FAILED':
    case 'OVERLOADED':
      return 'unexpected';
  }
}

/** Sends Atlas one request that every credential may make. */
export async function probe(
  send: Send,
  { clock, timeoutMs }: { clock: Clock; timeoutMs: number },
): Promise<ProbeResult> {
  const response = await send({ ...PROBE, deadlineAt: clock.now() + timeoutMs });
  return response.type === 'failed'
    ? { outcome: outcomeOfFailure(response), detail: response.detail }
    : resultOf(response);
}
