import type { Clock } from '../../lib/clock.ts';
import { digestResponse, hashA1 } from '../../lib/http-digest.ts';
import type { Random } from '../../lib/random.ts';
import { rejectsCredential } from '../auth-errors.ts';
import { upstreamFailure } from '../failure.ts';
import {
  type Exchange,
  headersOf,
  type UpstreamRequest,
  type UpstreamResult,
  type WireRequest,
} from '../message.ts';
import { type DigestChallenge, readChallenge } from './digest-challenge.ts';
import { createSignedSend } from './signed-send.ts';
import type { CredentialSecrets, Signer, Unsigned } from './signer.ts';

export interface DigestOptions {
  /** The credential's name in the configuration. */
  readonly name: string;
  readonly secrets: CredentialSecrets;
  /** Deadline for the call that verifies a key. */
  readonly verifyTimeoutMs: number;
}

/** The request that verifies a credential: a list that every credential may read. */
export const PROBE = {
  operation: 'listGroups',
  target: '/api/atlas/v2/groups?itemsPerPage=1&pageNum=1',
  accept: 'application/vnd.atlas.2023-01-01+json',
  priority: 'foreground',
  endpointSet: 'user.groups',
  scope: 'user',
} as const;

/** A nonce may expire between two uses, and under load once more; a key that is rejected three times is wrong. */
const MAX_ATTEMPTS = 3;

/** The current nonce; `uses` is the last `nc` sent with it. */
interface Session {
  readonly challenge: DigestChallenge;
  uses: number;
}

const quote = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`;

/** The `Authorization` value for one request (RFC 7616 section 3.4, `qop=auth`). */
export function answerChallenge(
  { realm, nonce, opaque, algorithm }: DigestChallenge,
  {
    user,
    password,
    method,
    uri,
    count,
    cnonce,
  }: { user: string; password: string; method: string; uri: string; count: number; cnonce: string },
): string {
  const nc = count.toString(16).padStart(8, '0');
  const ha1 = hashA1(algorithm, { user, realm, password });
  const response = digestResponse(algorithm, { ha1, nonce, nc, cnonce, method, uri });
  const parts = [
    `username=${quote(user)}`,
    `realm=${quote(realm)}`,
    `nonce=${quote(nonce)}`,
    `uri=${quote(uri)}`,
    `response="${response}"`,
    `algorithm=${algorithm}`,
    'qop=auth',
    `nc=${nc}`,
    `cnonce="${cnonce}"`,
    ...(opaque === undefined ? [] : [`opaque=${quote(opaque)}`]),
  ];
  return `Digest ${parts.join(', ')}`;
}

/**
 * Signs requests with an API key. All requests share one nonce until Atlas replaces it, each with its own `nc`; requests that arrive
 * without a nonce wait for one shared challenge. A challenge costs a round trip, but does not count against Atlas's rate limit [recorded].
 */
export function createDigest(
  { name, secrets, verifyTimeoutMs }: DigestOptions,
  {
    exchange,
    internalExchange,
    random,
    clock,
  }: { exchange: Exchange; internalExchange: Exchange; random: Random; clock: Clock },
): Signer {
  let session: Session | undefined;
  let challenging: Promise<UpstreamResult> | undefined;

  const callOf = (request: UpstreamRequest, headers: Record<string, string>): WireRequest => ({
    method: 'GET',
    target: request.target,
    headers: { ...headersOf(request), ...headers },
    deadlineAt: request.deadlineAt,
  });

  /** Adopts the nonce of a 401 response, unless another request has already done so. */
  function adoptNonce(answer: UpstreamResult, rejected: Session | undefined): boolean {
    if (answer.type === 'failed' || answer.status !== 401) return false;
    const challenge = readChallenge(answer.headers['www-authenticate']);
    if (challenge === undefined) return false;
    if (session === rejected) session = { challenge, uses: 0 };
    return true;
  }

  function challengeOnce(request: UpstreamRequest): Promise<UpstreamResult> {
    // The first request's deadline must not fail the others that wait for the same challenge.
    const deadlineAt = clock.now() + verifyTimeoutMs;
    challenging ??= internalExchange(callOf({ ...request, deadlineAt }, {})).finally(() => {
      challenging = undefined;
    });
    return challenging;
  }

  function sign(request: UpstreamRequest, used: Session): Record<string, string> {
    used.uses++;
    const authorization = answerChallenge(used.challenge, {
      user: secrets.id,
      password: secrets.secret,
      method: 'GET',
      uri: request.target,
      count: used.uses,
      cnonce: random.bytes(12).toString('hex'),
    });
    return { authorization };
  }

  async function prepare(request: UpstreamRequest): Promise<UpstreamResult | undefined> {
    if (session !== undefined) return undefined;
    const answer = await challengeOnce(request);
    if (session !== undefined || adoptNonce(answer, undefined)) return undefined;
    // A failing or rate-limiting Atlas responds without a challenge, which says nothing about the key.
    if (answer.type === 'failed' || answer.status === 429 || answer.status >= 500) return answer;
    return {
      ...upstreamFailure(
        'UPSTREAM_AUTH',
        `Atlas answered ${answer.status} to credential ${name}, without a digest challenge.`,
      ),
      status: answer.status,
    };
  }

  async function sendWith(via: Exchange, request: UpstreamRequest): Promise<UpstreamResult | Unsigned> {
    const used = session;
    if (used === undefined) {
      const failure = upstreamFailure(
        'UPSTREAM_AUTH',
        `Atlas sent no digest challenge for credential ${name}.`,
      );
      return { type: 'unsigned', failure, attempts: MAX_ATTEMPTS };
    }
    const answer = await via(callOf(request, sign(request, used)));
    if (answer.type === 'failed' || !rejectsCredential(answer)) return answer;
    const stale = readChallenge(answer.headers['www-authenticate'])?.stale === true;
    const failure = upstreamFailure('UPSTREAM_AUTH', `Atlas rejects the key of credential ${name}.`);
    if (!adoptNonce(answer, used)) return failure;
    return stale
      ? { type: 'unsigned', failure, attempts: MAX_ATTEMPTS }
      : { type: 'unsigned', failure, attempts: 2, rejected: true };
  }

  const verifyingSend = createSignedSend({ prepare, send: (request) => sendWith(internalExchange, request) });

  return {
    prepare,
    send: (request) => sendWith(exchange, request),
    async verify() {
      const answer = await verifyingSend({ ...PROBE, deadlineAt: clock.now() + verifyTimeoutMs });
      return answer.type === 'failed' ? answer : undefined;
    },
  };
}
