// Caller keys and the ways a client presents them: bearer, HTTP digest (RFC 7616), OAuth client credentials, and JWTs of an issuer.
import { createHash } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

const HASH_NAMES = { MD5: 'md5', 'SHA-256': 'sha256' };
export const DIGEST_REALM = 'MMS Public API';

const hash = (algorithm, text) => createHash(HASH_NAMES[algorithm]).update(text).digest('hex');
const ha1Of = (algorithm, id, secret) => hash(algorithm, `${id}:${DIGEST_REALM}:${secret}`);

/** A key with a secret that is the same in every run. `name` has at most 12 letters and digits. */
export function callerKey(name) {
  const id = `agw_${name.padEnd(12, '0')}`;
  const secret = `secret-of-${name}-`.padEnd(43, 'x');
  return {
    id,
    secret,
    sha256: createHash('sha256').update(secret).digest('hex'),
    ha1: `${ha1Of('MD5', id, secret)}\n${ha1Of('SHA-256', id, secret)}\n`,
    bearer: `Bearer ${id}_${secret}`,
    basic: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
  };
}

/** The parameters of the challenge for one algorithm among all `WWW-Authenticate` values. */
export function digestChallenge(values, algorithm) {
  const challenge = values.find(
    (value) => value.startsWith('Digest ') && value.includes(`algorithm=${algorithm}`),
  );
  if (challenge === undefined) throw new Error(`no digest challenge for ${algorithm}`);
  return Object.fromEntries(
    [...challenge.matchAll(/(\w+)=(?:"([^"]*)"|([^\s,"]+))/g)].map(([, name, quoted, plain]) => [
      name,
      quoted ?? plain,
    ]),
  );
}

/** The `Authorization` value that responds to a challenge. */
export function digestAuthorization(
  { nonce, algorithm, realm },
  { id, secret },
  { method = 'GET', target, count = 1 },
) {
  const nc = count.toString(16).padStart(8, '0');
  const cnonce = `cnonce${count}`;
  const ha1 = hash(algorithm, `${id}:${realm}:${secret}`);
  const ha2 = hash(algorithm, `${method}:${target}`);
  const response = hash(algorithm, `${ha1}:${nonce}:${nc}:${cnonce}:auth:${ha2}`);
  return `Digest username="${id}", realm="${realm}", nonce="${nonce}", uri="${target}", algorithm=${algorithm}, qop=auth, nc=${nc}, cnonce="${cnonce}", response="${response}"`;
}

/** An issuer of JWTs with a fresh key; `jwks` is its key set. */
export async function createIssuer({ issuer, audience }) {
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const key = { ...(await exportJWK(publicKey)), kid: 'corpus', alg: 'RS256', use: 'sig' };
  return {
    issuer,
    audience,
    jwks: JSON.stringify({ keys: [key] }),
    /** The `Authorization` value with a token of these claims; `claims` and `header` replace the usual ones. */
    async bearer(claims = {}, { header = {}, expiresAt = '1h', signWith = privateKey } = {}) {
      const token = new SignJWT({ iss: issuer, aud: audience, sub: 'workload', ...claims })
        .setProtectedHeader({ alg: 'RS256', kid: 'corpus', ...header })
        .setExpirationTime(expiresAt);
      return `Bearer ${await token.sign(signWith)}`;
    },
  };
}
