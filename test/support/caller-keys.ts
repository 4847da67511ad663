import { createHash } from 'node:crypto';
import { keyHa1 } from '../../src/gateway/auth/digest-auth.ts';
import { answerChallenge } from '../../src/upstream/auth/digest.ts';
import { readChallenge } from '../../src/upstream/auth/digest-challenge.ts';

/** A caller key: both parts, and its form in the configuration. */
export function testKey(number: number) {
  const id = `agw_TestKey${String(number).padStart(5, '0')}`;
  const secret = `secret-${number}-`.padEnd(43, 'x');
  const sha256 = createHash('sha256').update(secret).digest('hex');
  const ha1 = `${keyHa1('MD5', id, secret)}\n${keyHa1('SHA-256', id, secret)}\n`;
  return {
    id,
    secret,
    sha256,
    ha1,
    bearer: `Bearer ${id}_${secret}`,
    basic: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
  };
}

/** The `Authorization` value with which a digest client responds to a `WWW-Authenticate` value. */
export function digestAnswer(
  challenges: string,
  key: { id: string; secret: string },
  uri: string,
  count = 1,
  method = 'GET',
): string {
  const challenge = readChallenge(challenges);
  if (challenge === undefined) throw new Error(`no digest challenge: ${challenges}`);
  return answerChallenge(challenge, {
    user: key.id,
    password: key.secret,
    method,
    uri,
    count,
    cnonce: `cnonce${count}`,
  });
}
