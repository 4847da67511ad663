import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A self-signed certificate for 127.0.0.1 and its private key, PEM. Requires openssl. */
export function createCertificate(): { cert: string; key: string } {
  const folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-certificate-'));
  const [certPath, keyPath] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const { status, stderr } = spawnSync('openssl', [
    ...['req', '-x509', ...curve, '-days', '1', ...names, '-keyout', keyPath, '-out', certPath],
  ]);
  if (status !== 0) throw new Error(stderr.toString());
  const made = { cert: readFileSync(certPath, 'utf8'), key: readFileSync(keyPath, 'utf8') };
  rmSync(folder, { recursive: true });
  return made;
}
