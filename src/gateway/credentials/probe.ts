import { errorCodeOf } from '../../atlas/api-error.ts';
import type { Clock } from '../../lib/clock.ts';
import { PROBE } from '../../upstream/auth/digest.ts';
import type { Send, UpstreamFailure, UpstreamResponse } from '../../upstream/message.ts';
import { ADDRESS_CODES } from '../reads/read-service.ts';

/**
 * What one question to Atlas shows of a credential. `wrong-secret`: Atlas does not know it. `address-refused`: Atlas takes no questions from
 * where they came. `forbidden`: Atlas knows it and lets it do nothing. `untrusted`: whoever answers has no certificate that is trusted.
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

/** The outcome, and what Atlas or the network said, in a sentence without secrets. */
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

/** A status that came where a token or a challenge should have: even a good one is none. */
function outcomeOfStrange(status: number): ProbeOutcome {
  const outcome = outcomeOfStatus(status, undefined);
  return outcome === 'accepted' ? 'unexpected' : outcome;
}

function judgeAnswer({ status, body }: UpstreamResponse): ProbeResult {
  const code = errorCodeOf(body);
  const told = code === undefined ? '' : ` ${code}`;
  return { outcome: outcomeOfStatus(status, code), detail: `Atlas answered ${status}${told}.` };
}

function outcomeOfFailure({ code, status }: UpstreamFailure): ProbeOutcome {
  switch (code) {
    case 'UPSTREAM_AUTH':
      // Without a status it was Atlas's answer to a signature or a token.
      return status === undefined ? 'wrong-secret' : outcomeOfStrange(status);
    case 'CREDENTIALS_UNAVAILABLE':
      // Of the token endpoint 401 means that the pair is wrong, and 403 that it is right but gets no token.
      if (status === 401) return 'wrong-secret';
      return status === undefined ? 'unexpected' : outcomeOfStrange(status);
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
      return 'unexpected';
  }
}

/** Asks Atlas one question that every credential may ask. */
export async function probe(
  send: Send,
  { clock, timeoutMs }: { clock: Clock; timeoutMs: number },
): Promise<ProbeResult> {
  const answer = await send({ ...PROBE, deadlineAt: clock.now() + timeoutMs });
  return answer.type === 'failed'
    ? { outcome: outcomeOfFailure(answer), detail: answer.detail }
    : judgeAnswer(answer);
}
