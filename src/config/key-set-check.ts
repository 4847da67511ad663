import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { z } from 'zod';

/** A JSON Web Key Set (RFC 7517 section 5). */
const keySet = z.object({ keys: z.array(z.record(z.string(), z.unknown())) });
const KNOWN_CURVES = new Set(['P-256', 'P-384', 'P-521', 'Ed25519']);

type Key = z.infer<typeof keySet>['keys'][number];

/** Whether a key's type can verify tokens; other keys are skipped (RFC 7517 section 5). */
const canVerify = ({ kty, crv, use }: Key): boolean =>
  use !== 'enc' && (kty === 'RSA' || ((kty === 'EC' || kty === 'OKP') && KNOWN_CURVES.has(String(crv))));

function isReadable(key: JsonWebKey): boolean {
  try {
    createPublicKey({ key, format: 'jwk' });
    return true;
  } catch {
    return false;
  }
}

function parse(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}

/** Returns the problem of a JWKS file, or undefined. */
export function keySetProblem(content: string): string | undefined {
  const read = keySet.safeParse(parse(content));
  if (!read.success) return 'contains no JSON Web Key Set; a key set begins with {"keys": [';
  const { keys } = read.data;
  if (keys.some(({ kty, d }) => kty === 'oct' || d !== undefined))
    return 'contains a secret key; write public keys only';
  const usable = keys.filter(canVerify);
  if (usable.length === 0)
    return 'contains no key that can verify tokens; write a public RSA, EC or Ed25519 key';
  const damaged = usable.findIndex((key) => !isReadable(key));
  return damaged < 0 ? undefined : `contains a damaged key, number ${damaged + 1}; copy the set again`;
}
