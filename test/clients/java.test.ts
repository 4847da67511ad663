import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { linksOf, type Running } from '../support/running.ts';
import { createDownloads, isMissing, isUnavailable, print, run } from './programs.ts';
import { key, startForTeam, startForTeamOverTls } from './team.ts';

const { orders } = SAMPLE_PROJECTS;
const PASSWORD = 'changeit';
const downloads = createDownloads();
const libraries = join(downloads.folder, 'lib');
const copyLibraries = [
  ...['-q', '-B', '-f', 'test/clients/java/pom.xml'],
  ...['dependency:copy-dependencies', `-DoutputDirectory=${libraries}`],
];
const noJava =
  isMissing('javac', '-version') ||
  isMissing('mvn', '-version') ||
  isMissing('openssl', 'version') ||
  (await isUnavailable('Apache HttpClient', 'mvn', copyLibraries));

/** Each read is made twice, so that a connection and a nonce are used again. */
const CLIENTS = [
  ['java.net.http', 'bearer'],
  ['java.net.http', 'OAuth'],
  ['Apache HttpClient', 'bearer'],
  ['Apache HttpClient', 'OAuth'],
  ['Apache HttpClient', 'digest'],
] as const;

/** The lines that the program prints: client, auth and number of items. */
async function readAll(origin: string, options: readonly string[] = []): Promise<readonly string[]> {
  const program = ['-cp', join(libraries, '*'), ...options, 'test/clients/java/Reads.java'];
  const { out, err } = await run('java', [...program, origin, key.id, key.secret, linksOf(orders)]);
  expect(err.replaceAll(/^SLF4J.*\n/gm, '')).toBe('');
  return out.trim().split('\n');
}

/** The system properties with which Java trusts a certificate. */
async function trusting(cert: string): Promise<readonly string[]> {
  const [pem, store] = [join(downloads.folder, 'ca.pem'), join(downloads.folder, 'trust.p12')];
  writeFileSync(pem, cert);
  const { code } = await run('keytool', [
    ...['-importcert', '-noprompt', '-alias', 'gateway', '-file', pem],
    ...['-keystore', store, '-storetype', 'PKCS12', '-storepass', PASSWORD],
  ]);
  expect(code).toBe(0);
  return [`-Djavax.net.ssl.trustStore=${store}`, `-Djavax.net.ssl.trustStorePassword=${PASSWORD}`];
}

describe.skipIf(noJava)('clients for Java', () => {
  const reads: Record<string, readonly string[]> = {};
  const gateways: Running[] = [];

  beforeAll(async () => {
    const [plain, tls] = [await startForTeam(), await startForTeamOverTls()];
    gateways.push(plain, tls);
    reads['http'] = await readAll(plain.origin);
    reads['https'] = await readAll(tls.origin, await trusting(tls.cert));
  }, 120_000);
  afterAll(async () => {
    for (const gateway of gateways) await gateway.stop();
    downloads.remove();
  });

  for (const scheme of ['http', 'https'])
    test.each(CLIENTS)(`%s with %s reads a list over ${scheme}`, (client, auth) => {
      const own = reads[scheme]?.filter((line) => line.startsWith(`${client},${auth},`));
      const line = `${client},${auth},${orders.connections}`;
      expect(own).toEqual([line, line]);
      print(`Java ${client}, ${scheme}, ${auth}: reads`);
    });
});
