import { reasonOf } from '../atlas/api-error.ts';
import { compactJson, type Json, type JsonObject, prettyJson } from './json.ts';

/** A request as the simulator looks at it. */
export interface SimulatedRequest {
  readonly method: string;
  /** As it stood in the request line. */
  readonly target: string;
  /** The target up to `?`, and what follows it; still encoded. */
  readonly path: string;
  readonly query: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

/** An answer before it is written to the wire. Header names stand as Atlas writes them; a list of values is a header that comes more than once. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: Buffer;
}

/** What an Atlas error says. `parameters` is left out of the body where it is undefined. */
export interface AtlasError {
  readonly status: number;
  readonly errorCode: string;
  readonly detail: string;
  readonly parameters?: readonly Json[];
}

/** The headers that every answer of the application has, as opposed to those of the proxy in front of it. */
export const SERVICE_HEADERS = {
  'Referrer-Policy': 'strict-origin-when-cross-origin',
  'Strict-Transport-Security': 'max-age=31536000; includeSubdomains;',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'X-Java-Version': '17-simulated',
  'X-Permitted-Cross-Domain-Policies': 'none',
} as const;

/** Any JSON object, compact. */
export const jsonAnswer = (status: number, value: JsonObject, headers: Answer['headers'] = {}): Answer => ({
  status,
  headers: { 'Content-Type': 'application/json', ...headers },
  body: Buffer.from(compactJson(value)),
});

/** An ApiError: compact, keys in alphabetical order, `X-Error-Code` beside it. */
export function errorAnswer(
  { status, errorCode, detail, parameters = [] }: AtlasError,
  headers: Answer['headers'] = {},
): Answer {
  return jsonAnswer(
    status,
    { detail, error: status, errorCode, parameters, reason: reasonOf(status) },
    { ...SERVICE_HEADERS, Vary: 'Accept-Encoding', 'X-Error-Code': errorCode, ...headers },
  );
}

/** The 401 that carries digest challenges. It comes from in front of the application: pretty-printed, keys unsorted, few headers. */
export function challengeAnswer(challenges: readonly string[]): Answer {
  const members = [
    ['error', 401],
    ['reason', 'Unauthorized'],
    ['detail', 'You are not authorized for this resource.'],
    ['errorCode', 'UNEXPECTED_ERROR'],
  ] as const;
  const lines = members.map(([name, value]) => `  "${name}" : ${prettyJson(value)}`);
  return {
    status: 401,
    headers: {
      'Content-Type': 'application/json',
      Vary: 'Accept-Encoding',
      'WWW-Authenticate': challenges.length === 1 ? (challenges[0] ?? '') : challenges,
    },
    body: Buffer.from(`{\n${lines.join(',\n')}\n}`),
  };
}
