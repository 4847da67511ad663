import { createHash } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import type { Random } from '../../lib/random.ts';
import { type CredentialSecrets, rejectsCredential } from '../auth-errors.ts';
import { upstreamFailure } from '../failure.ts';
import type { Exchange, Send, UpstreamRequest, UpstreamResult } from '../message.ts';
import { type DigestChallenge, readChallenge } from './digest-challenge.ts';
import type { SignedSend } from './secret-rotation.ts';

export interface DigestOptions {
  /** The credential's name in the configuration. */
  readonly name: string;
  readonly secrets: CredentialSecrets;
  /** How long the call may take that proves a key. */
  readonly verifyTimeoutMs: number;
}

/** What a credential is proved with: a list that every one may ask for. */
export const PROBE = {
  operation: 'listGroups',
  target: '/api/atlas/v2/groups?itemsPerPage=1&pageNum=1',
  accept: 'application/vnd.atlas.2023-01-01+json',
  priority: 'foreground',
  endpointSet: 'user.groups',
  scope: 'user',
} as const;

/** A nonce in use; `uses` is the last `nc` sent with it. */
interface Session {
  readonly challenge: DigestChallenge;
  uses: number;
}

const quote = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`;

/** The `Authorization` value that answers a challenge for one request (RFC 7616 section 3.4, `qop=auth`). */
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
  const hash = (text: string) =>
    createHash(algorithm === 'MD5' ? 'md5' : 'sha256')
      .update(text)
      .digest('hex');
  const nc = count.toString(16).padStart(8, '0');
  const response = hash(
    `${hash(`${user}:${realm}:${password}`)}:${nonce}:${nc}:${cnonce}:auth:${hash(`${method}:${uri}`)}`,
  );
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
 * Signs requests with an API key. One nonce serves all requests until Atlas replaces it, each use with an `nc` of its own; those who come
 * while there is none wait for one challenge. A challenge costs a round trip, but nothing of Atlas's rate limit [recorded].
 */
export function createDigest(
  { name, secrets, verifyTimeoutMs }: DigestOptions,
  { exchange, random, clock }: { exchange: Exchange; random: Random; clock: Clock },
): SignedSend {
  let session: Session | undefined;
  let challenging: Promise<UpstreamResult> | undefined;

  const ask = (request: UpstreamRequest, headers: Record<string, string>) =>
    exchange({
      method: 'GET',
      target: request.target,
      headers: { accept: request.accept, ...headers },
      deadlineAt: request.deadlineAt,
    });

  /** Takes over the nonce of a refusal. Another request may have done so already: then its nonce stays. */
  function learn(answer: UpstreamResult, refused: Session | undefined): boolean {
    if (answer.type === 'failed' || answer.status !== 401) return false;
    const challenge = readChallenge(answer.headers['www-authenticate']);
    if (challenge === undefined) return false;
    if (session === refused) session = { challenge, uses: 0 };
    return true;
  }

  function challengeOnce(request: UpstreamRequest): Promise<UpstreamResult> {
    challenging ??= ask(request, {}).finally(() => {
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

  const send: Send = async (request) => {
    if (session === undefined) {
      const answer = await challengeOnce(request);
      if (session === undefined && !learn(answer, undefined)) {
        // An Atlas that is down or limits says so without a challenge: that tells nothing of the key.
        return answer.type === 'failed' || answer.status === 429 || answer.status >= 500
          ? answer
          : {
              ...upstreamFailure(
                'UPSTREAM_AUTH',
                `Atlas answered ${answer.status} to credential ${name}, without a digest challenge.`,
              ),
              status: answer.status,
            };
      }
    }
    // A nonce may end between two uses, and once more under load; a key that is refused three times is wrong.
    for (let attempt = 1; ; attempt++) {
      const used: Session | undefined = session;
      if (used === undefined)
        return upstreamFailure('UPSTREAM_AUTH', `Atlas offered credential ${name} no digest challenge.`);
      const answer = await ask(request, sign(request, used));
      if (answer.type === 'failed' || !rejectsCredential(answer)) return answer;
      const stale = readChallenge(answer.headers['www-authenticate'])?.stale === true;
      if (!learn(answer, used) || attempt >= (stale ? 3 : 2))
        return upstreamFailure('UPSTREAM_AUTH', `Atlas refuses the key of credential ${name}.`);
    }
  };

  return {
    send,
    async verify() {
      const answer = await send({ ...PROBE, deadlineAt: clock.now() + verifyTimeoutMs });
      return answer.type === 'failed' ? answer : undefined;
    },
  };
}
