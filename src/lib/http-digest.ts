import { createHash } from 'node:crypto';

/** The hash algorithms of HTTP Digest that clients and Atlas use (RFC 7616 section 3.3). */
export type DigestAlgorithm = 'MD5' | 'SHA-256';

/** The hash of a text in hex. */
const digestHash = (algorithm: DigestAlgorithm, text: string): string =>
  createHash(algorithm === 'MD5' ? 'md5' : 'sha256')
    .update(text)
    .digest('hex');

/** HA1 (RFC 7616 section 3.4.2): the hash of `user:realm:password` in hex. */
export const hashA1 = (
  algorithm: DigestAlgorithm,
  { user, realm, password }: { user: string; realm: string; password: string },
): string => digestHash(algorithm, `${user}:${realm}:${password}`);

/** The `response` parameter for `qop=auth` (RFC 7616 section 3.4.1). `nc`: the nonce count, eight hex digits. */
export const digestResponse = (
  algorithm: DigestAlgorithm,
  {
    ha1,
    nonce,
    nc,
    cnonce,
    method,
    uri,
  }: { ha1: string; nonce: string; nc: string; cnonce: string; method: string; uri: string },
): string =>
  digestHash(algorithm, `${ha1}:${nonce}:${nc}:${cnonce}:auth:${digestHash(algorithm, `${method}:${uri}`)}`);
