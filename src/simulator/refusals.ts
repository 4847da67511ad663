import type { Access } from './auth.ts';
import type { Drawn } from './limits.ts';
import type { Json } from './pages.ts';
import type { SimulatedProject } from './projects.ts';
import { errorResponse, type SimulatedResponse } from './response.ts';
import type { Trouble } from './weather.ts';

type Headers = Readonly<Record<string, string>>;

const DIGEST_REFUSAL: Json = {
  error: 401,
  reason: 'Unauthorized',
  detail: 'You are not authorized for this resource.',
  errorCode: 'UNEXPECTED_ERROR',
};

/** Keeps the order of keys: the only body whose keys Atlas does not sort [recorded]. */
const writeUnsorted = (value: Json): string =>
  `{\n${Object.entries(value ?? {})
    .map(([name, one]) => `  ${JSON.stringify(name)} : ${JSON.stringify(one)}`)
    .join(',\n')}\n}`;

const digestChallenge = (challenge: string): SimulatedResponse => ({
  status: 401,
  headers: {
    'Content-Type': 'application/json',
    Server: 'mdbws',
    Vary: 'Accept-Encoding',
    'X-Envoy-Upstream-Service-Time': '1',
    'WWW-Authenticate': challenge,
  },
  body: writeUnsorted(DIGEST_REFUSAL),
});

/** The response to a request whose credentials are missing or wrong; undefined if they are accepted. */
export function credentialRefusal(
  access: Access,
  { authorization, target }: { readonly authorization: string | undefined; readonly target: string },
): SimulatedResponse | undefined {
  switch (access.admit(authorization, 'GET', target)) {
    case 'admitted':
      return undefined;
    case 'no-credentials':
    case 'bad-digest':
      return digestChallenge(access.challenge(false));
    case 'stale-nonce':
      return digestChallenge(access.challenge(true));
    case 'bad-token':
      // The form of this response is [inferred]: no recording contains an expired token.
      return errorResponse(
        {
          status: 401,
          errorCode: 'UNEXPECTED_ERROR',
          detail: 'You are not authorized for this resource.',
          parameters: [],
        },
        { 'WWW-Authenticate': 'Bearer error="invalid_token"' },
      );
  }
}

export const notAcceptable = (): SimulatedResponse =>
  errorResponse({
    status: 406,
    errorCode: 'INVALID_VERSION_DATE',
    detail: 'Invalid accept header or version date.',
    parameters: [],
  });

export const versionGone = (version: string, headers: Headers): SimulatedResponse =>
  errorResponse(
    {
      status: 410,
      errorCode: 'VERSION_GONE',
      detail: `Version ${version} is no longer available.`,
      parameters: [],
    },
    headers,
  );

export const invalidParameter = (name: string, headers: Headers): SimulatedResponse =>
  errorResponse(
    {
      status: 400,
      errorCode: 'INVALID_QUERY_PARAMETER',
      detail: `Invalid query parameter ${name} specified.`,
      parameters: [name],
    },
    headers,
  );

/** What the buckets of Atlas say about a request. */
export const rateHeaders = ({ limit, remaining }: Drawn) => ({
  'RateLimit-Limit': String(limit),
  'RateLimit-Remaining': String(remaining),
});

export function rateLimited(path: string, drawn: Drawn, waitSeconds: number): SimulatedResponse {
  const { limit, refill } = drawn;
  const resource = path.slice(1);
  const detail = `Rate limit exceeded for ${resource}. Please retry after ${waitSeconds} seconds. Request capacity: ${limit}. Refill rate: ${refill} per 60 seconds. For more information, see: http://dochub.mongodb.org/core/atlas-api-rate-limit.`;
  return errorResponse(
    {
      status: 429,
      errorCode: 'RATE_LIMITED_TOKEN_BUCKET',
      detail,
      parameters: [resource, waitSeconds, limit, refill, 60],
    },
    { ...rateHeaders(drawn), 'Retry-After': String(waitSeconds) },
  );
}

/** The response to a request for a project that does not exist or that the credentials cannot access; undefined if it is answered. */
export function projectRefusal(
  groupId: string | undefined,
  project: SimulatedProject | undefined,
  headers: Headers,
): SimulatedResponse | undefined {
  if (groupId === undefined || project?.visible === true) return undefined;
  const error =
    project === undefined
      ? { status: 404, errorCode: 'GROUP_NOT_FOUND', detail: `No group with ID ${groupId} exists.` }
      : {
          status: 401,
          errorCode: 'USER_CANNOT_ACCESS_GROUP',
          detail: `The current user cannot access group ${groupId}.`,
        };
  return errorResponse({ ...error, parameters: [groupId] }, headers);
}

export const troubleResponse = ({
  status,
  errorCode,
  retryAfterSeconds,
}: Extract<Trouble, { type: 'error' }>): SimulatedResponse =>
  errorResponse(
    { status, errorCode, detail: 'The weather of the simulator.', parameters: [] },
    retryAfterSeconds === undefined ? {} : { 'Retry-After': String(retryAfterSeconds) },
  );
