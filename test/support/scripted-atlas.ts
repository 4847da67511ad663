import { upstreamFailure } from '../../src/upstream/failure.ts';
import type { Exchange, UpstreamResult } from '../../src/upstream/message.ts';
import type { FakeClock } from './fake-clock.ts';

/** What Atlas answers to one request: a value as compact JSON, or a body as it is. */
export interface ScriptedAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly body?: string;
}

/** An Atlas that answers each path as the test says, without sockets. */
export interface ScriptedAtlas {
  readonly exchange: Exchange;
  /** Targets requested so far; tokens are not included. */
  readonly calls: readonly string[];
  /** Changes the answers. */
  answerWith(answer: (path: string, query: URLSearchParams) => ScriptedAnswer | 'nothing'): void;
}

/** Answers every request after `delayMs`; a request that gets `nothing` fails at its deadline. */
export function createScriptedAtlas({
  clock,
  delayMs = 0,
}: {
  clock: FakeClock;
  delayMs?: number;
}): ScriptedAtlas {
  const calls: string[] = [];
  let answerTo: (path: string, query: URLSearchParams) => ScriptedAnswer | 'nothing' = () => ({ json: {} });

  const answered = ({ status = 200, headers = {}, json, body = JSON.stringify(json) }: ScriptedAnswer) =>
    ({ type: 'answered', status, headers, body: Buffer.from(body) }) as const;

  function get(target: string): UpstreamResult | undefined {
    calls.push(target);
    const [path = '', query = ''] = target.split('?');
    const answer = answerTo(path, new URLSearchParams(query));
    return answer === 'nothing' ? undefined : answered(answer);
  }

  return {
    exchange({ method, target, deadlineAt }) {
      if (method === 'POST')
        return Promise.resolve(
          answered({ json: { access_token: 'token', expires_in: 3_600, token_type: 'Bearer' } }),
        );
      const result = get(target);
      const late = upstreamFailure('UPSTREAM_TIMEOUT', 'The scripted Atlas did not answer.');
      const waitMs = result === undefined ? deadlineAt - clock.now() : delayMs;
      return new Promise((resolve) => clock.after(waitMs, () => resolve(result ?? late)));
    },
    calls,
    answerWith(answer) {
      answerTo = answer;
    },
  };
}

/** An error as Atlas writes it. */
export const atlasError = (status: number, errorCode: string): ScriptedAnswer => ({
  status,
  headers: { 'content-type': 'application/json', 'x-error-code': errorCode },
  json: { detail: 'As the test says.', error: status, errorCode, parameters: [], reason: 'As the test says' },
});
