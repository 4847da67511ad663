import { isLoopback } from '../lib/loopback.ts';
import { didYouMean } from '../lib/suggest.ts';
import { UNIX_SOCKET } from '../lib/trusted-proxies.ts';
import type { Path } from './config-error.ts';
import { hostsOverlap } from './hosts.ts';
import type { GatewayConfig } from './schema.ts';

/** The default of `listen.port`. */
const DEFAULT_PORT = 8_080;

interface Covered {
  readonly projects?: readonly string[] | 'all' | undefined;
  readonly organizations?: readonly string[] | 'all' | undefined;
}

/** Operation names and tags that the configuration may use. */
export interface KnownNames {
  readonly operations: ReadonlySet<string>;
  /** Tags with lists, which a tag alone grants. */
  readonly tags: ReadonlySet<string>;
  /** All tags, for `reads:<tag>`. */
  readonly readTags: ReadonlySet<string>;
}

/** Receives the problems found. */
export interface CrossCheckReport {
  /** Reports a problem of a setting, unless the setting itself is invalid. */
  report(path: Path, message: string): void;
  /** Whether a setting and everything below it is valid. Checks that depend on invalid settings are skipped. */
  isWhole(path: Path): boolean;
}

/** Reports problems that involve more than one setting. */
export function crossCheck(config: GatewayConfig, known: KnownNames, check: CrossCheckReport): void {
  const { report } = check;
  checkUniqueNames(config, report);
  checkCredentialKinds(config, report);
  checkOperations(config, known, report);
  checkOrigin(config, report);
  checkAnonymous(config, report);
  checkPorts(config, check);
  checkIds(config, report);
  checkTokenRules(config, report);
  checkPublicUrl(config, report);
  checkSockets(config, report);
  checkAdminToken(config, report);
  checkIssuers(config, report);
  checkJwtCallers(config, check);
  checkSomeoneMayRead(config, check);
}

type Report = CrossCheckReport['report'];

function checkUnique(
  entries: readonly { readonly path: Path; readonly name: string }[],
  kind: string,
  report: Report,
): void {
  const seen = new Set<string>();
  for (const { path, name } of entries) {
    if (seen.has(name)) report(path, `the ${kind} '${name}' is already in use; choose a unique one`);
    seen.add(name);
  }
}

function checkUniqueNames({ credentials, callers }: GatewayConfig, report: Report): void {
  for (const [section, entries] of Object.entries({ credentials, callers }))
    checkUnique(
      entries.map(({ name }, index) => ({ path: [section, index, 'name'], name })),
      'name',
      report,
    );
  checkUnique(
    callers.flatMap(({ keys }, index) =>
      keys.map(({ id }, place) => ({ path: ['callers', index, 'keys', place, 'id'], name: id })),
    ),
    'id',
    report,
  );
}

function checkCredentialKinds({ credentials }: GatewayConfig, report: Report): void {
  for (const [index, { serviceAccount, apiKey }] of credentials.entries()) {
    if ((serviceAccount === undefined) === (apiKey === undefined))
      report(['credentials', index], 'write either serviceAccount or apiKey');
  }
}

function checkOperations(
  { callers, anonymous, cache }: GatewayConfig,
  { operations: ids, tags, readTags }: KnownNames,
  report: Report,
): void {
  const words = new Set(['lists', 'reads', ...ids, ...tags, ...[...readTags].map((tag) => `reads:${tag}`)]);
  const check = (path: Path, names: readonly string[]) => {
    for (const name of names) {
      if (words.has(name)) continue;
      const message = readTags.has(name)
        ? `'${name}' has no lists; write 'reads:${name}'`
        : `'${name}' is not a known operation or tag${didYouMean(name, words)}`;
      report(path, message);
    }
  };
  for (const [index, { operations }] of callers.entries())
    check(['callers', index, 'operations'], operations);
  if (anonymous !== undefined) check(['anonymous', 'operations'], anonymous.operations);
  for (const name of Object.keys(cache.operations)) {
    if (!ids.has(name))
      report(['cache', 'operations', name], `is not a known operation${didYouMean(name, ids)}`);
  }
}

function checkOrigin({ upstream: { origin } }: GatewayConfig, report: Report): void {
  const { hostname, protocol } = new URL(origin);
  if (protocol === 'http:' && !isLoopback(hostname))
    report(['upstream', 'origin'], `'${origin}' would send credentials unencrypted; write an https address`);
}

/** Whether only this machine reaches a listener. */
const isLocal = ({ host, socket }: { host: string; socket?: string | undefined }): boolean =>
  socket !== undefined || isLoopback(host);

function checkAnonymous({ anonymous, listen }: GatewayConfig, report: Report): void {
  if (anonymous === undefined || anonymous.allowRemote || isLocal(listen)) return;
  report(
    ['anonymous'],
    `would admit everyone who can reach ${listen.host}; listen on 127.0.0.1, or write allowRemote: true`,
  );
}

/** Two listeners cannot share a port. */
function checkPorts({ listen, admin }: GatewayConfig, { report, isWhole }: CrossCheckReport): void {
  const areKnown = ['listen', 'admin'].every((name) => isWhole([name, 'host']) && isWhole([name, 'port']));
  if (listen.socket !== undefined || admin.socket !== undefined) return;
  if (!areKnown || listen.port !== admin.port || listen.port === 0) return;
  if (!hostsOverlap(listen.host, admin.host)) return;
  // Report the port that is written in the file; the other may be the default, which has no line.
  const [section, other] = listen.port === DEFAULT_PORT ? ['admin', 'listen.port'] : ['listen', 'admin.port'];
  report([section ?? '', 'port'], `${listen.port} is also used by ${other}; choose another port`);
}

/** A duplicate id is either redundant or a typo. */
function checkIds({ credentials, callers, anonymous }: GatewayConfig, report: Report): void {
  const check = (path: Path, ids: readonly string[] | 'all' | undefined) => {
    if (ids === undefined || ids === 'all') return;
    for (const [index, id] of ids.entries())
      if (ids.indexOf(id) < index)
        report([...path, index], `'${id}' is listed twice; remove one, or correct it`);
  };
  const checkBoth = (path: Path, { projects, organizations }: Covered) => {
    check([...path, 'projects'], projects);
    check([...path, 'organizations'], organizations);
  };
  for (const [index, credential] of credentials.entries()) checkBoth(['credentials', index], credential);
  for (const [index, caller] of callers.entries()) checkBoth(['callers', index], caller);
  if (anonymous !== undefined) checkBoth(['anonymous'], anonymous);
}

/** A token must match only one caller. */
function checkTokenRules({ callers }: GatewayConfig, report: Report): void {
  const names = new Map<string, string>();
  for (const [index, { name, jwt }] of callers.entries()) {
    if (jwt === undefined) continue;
    const { issuer, subject, claim = { name: 'sub', value: subject } } = jwt;
    const rule = JSON.stringify([issuer, claim.name, claim.value]);
    const other = names.get(rule);
    if (other !== undefined)
      report(
        ['callers', index, 'jwt'],
        `accepts the same tokens as caller '${other}'; give each a unique subject or claim`,
      );
    names.set(rule, name);
  }
}

/** Why links need an address of their own; undefined if that of the listener will do. */
function whyPublicUrl({ cache, listen }: GatewayConfig): string | undefined {
  if (listen.socket !== undefined) return 'with listen.socket, because links cannot lead to a socket';
  if (cache.shared !== undefined) return 'with cache.shared, because shared lists contain links';
  return isLoopback(listen.host)
    ? undefined
    : `because other machines reach ${listen.host}, and links would lead to that address`;
}

function checkPublicUrl(config: GatewayConfig, report: Report): void {
  const { publicUrl } = config.listen;
  const why = whyPublicUrl(config);
  if (publicUrl !== undefined && isApiPath(new URL(publicUrl).pathname))
    report(['listen', 'publicUrl'], 'must not have a path under /api, which is where the API itself is');
  if (publicUrl === undefined && why !== undefined)
    report(
      ['listen', 'publicUrl'],
      `is required ${why}; write the address under which clients reach this gateway`,
    );
}

const isApiPath = (pathname: string) => pathname === '/api' || pathname.startsWith('/api/');

function checkSockets({ listen, admin }: GatewayConfig, report: Report): void {
  if (listen.socket !== undefined && listen.socket === admin.socket)
    report(['admin', 'socket'], 'is also listen.socket; choose another path');
  const fromSocket = listen.trustedProxies.indexOf(UNIX_SOCKET);
  if (fromSocket >= 0 && listen.socket === undefined)
    report(
      ['listen', 'trustedProxies', fromSocket],
      'stands for the proxies on listen.socket, which is not set; set it, or write the networks of the proxies',
    );
  for (const [section, { socket, tls }] of Object.entries({ listen, admin }))
    if (socket !== undefined && tls !== undefined)
      report(
        [section, 'tls'],
        `is not for a socket, which no network carries; remove it, or ${section}.socket`,
      );
}

function checkAdminToken({ admin }: GatewayConfig, report: Report): void {
  if (admin.token !== undefined || isLocal(admin)) return;
  report(
    ['admin', 'token'],
    `is required because ${admin.host} is reachable from other machines; write { file: PATH }`,
  );
}

function checkIssuers({ issuers }: GatewayConfig, report: Report): void {
  checkUnique(
    issuers.map(({ issuer }, index) => ({ path: ['issuers', index, 'issuer'], name: issuer })),
    'name',
    report,
  );
  for (const [index, { jwks }] of issuers.entries()) {
    if (!('url' in jwks)) continue;
    const path = ['issuers', index, 'jwks', 'url'];
    if (!isSafeUrl(jwks.url))
      report(path, 'write an https address: its keys decide which tokens are accepted');
    if (hasLogin(jwks.url)) report(path, 'write it without user and password; key sets are public');
  }
}

function checkJwtCallers(config: GatewayConfig, { report, isWhole }: CrossCheckReport): void {
  const issuers = config.issuers.map(({ issuer }) => issuer);
  for (const [index, { jwt }] of config.callers.entries()) {
    if (jwt === undefined) continue;
    if (!issuers.includes(jwt.issuer) && isWhole(['issuers']))
      report(
        ['callers', index, 'jwt', 'issuer'],
        `'${jwt.issuer}' is not listed under issuers${didYouMean(jwt.issuer, issuers)}`,
      );
    if ((jwt.subject === undefined) === (jwt.claim === undefined))
      report(['callers', index, 'jwt'], 'write either subject or claim');
  }
}

function checkSomeoneMayRead(
  { callers, anonymous }: GatewayConfig,
  { report, isWhole }: CrossCheckReport,
): void {
  if (callers.length > 0 || anonymous !== undefined || !isWhole(['anonymous'])) return;
  report(
    ['callers'],
    'no caller could read anything; create a key with atlas-gateway new-key --caller NAME, or add anonymous',
  );
}

function hasLogin(text: string): boolean {
  const { username, password } = new URL(text);
  return username !== '' || password !== '';
}

function isSafeUrl(text: string): boolean {
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
}
