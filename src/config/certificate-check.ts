import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { codeOfError } from '../lib/error-code.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

function readCertificates(pem: string): X509Certificate[] | undefined {
  try {
    const certificates = (pem.match(CERTIFICATE) ?? []).map((block) => new X509Certificate(block));
    const isComplete = certificates.length === pem.split('-----BEGIN CERTIFICATE-----').length - 1;
    return isComplete && certificates.length > 0 ? certificates : undefined;
  } catch {
    return undefined;
  }
}

function readPrivateKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}

/** Returns the problem of a certificate file, or undefined. */
export function certificatesProblem(pem: string): string | undefined {
  if (readCertificates(pem) !== undefined) return undefined;
  return pem.includes('-----BEGIN CERTIFICATE-----')
    ? 'contains a damaged certificate; copy it again, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----'
    : 'contains no certificate in PEM form; a certificate begins with -----BEGIN CERTIFICATE-----';
}

/** Returns the problem of a private key file, or undefined. The message contains no part of the key. */
export function privateKeyProblem(pem: string): string | undefined {
  if (readPrivateKey(pem) !== undefined) return undefined;
  if (/-----BEGIN ENCRYPTED |Proc-Type: 4,ENCRYPTED/.test(pem))
    return 'contains a key with a passphrase; remove it with openssl pkey -in KEY -out NEW';
  return /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)
    ? 'contains a damaged private key; copy it again, from -----BEGIN to -----END'
    : 'contains no private key in PEM form; a key begins with -----BEGIN PRIVATE KEY-----';
}

/** Returns why a listener cannot use this key with these certificates, or undefined. Unreadable files are reported elsewhere. */
export function keyPairProblem(cert: string, key: string): string | undefined {
  const certificates = readCertificates(cert);
  const privateKey = readPrivateKey(key);
  if (certificates === undefined || privateKey === undefined) return undefined;
  const place = certificates.findIndex((certificate) => certificate.checkPrivateKey(privateKey));
  if (place < 0) return 'does not match the certificate; use the key that the certificate was requested with';
  if (place > 0)
    return "belongs to a later certificate of the chain; put the gateway's own certificate first in its file";
  try {
    createSecureContext({ cert, key, minVersion: 'TLSv1.2' });
    return undefined;
  } catch (error) {
    const code = codeOfError(error) ?? 'unknown';
    return `or its certificate cannot be used for TLS (${code}); create a new pair with ECDSA, or RSA of at least 2048 bits`;
  }
}
