import { isLoopback } from '../lib/loopback.ts';
import { didYouMean } from '../lib/suggest.ts';
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
  readonly tags: ReadonlySet<string>;
}

/** Receives the problems found. */
export interface CrossCheckReport {
  /** Reports a problem of a setting, unless the setting itself is invalid. */
  report(path: Path, message: string): void;
  /** Whether a setting and everything below it is valid. Checks that depend on invalid settings are skipped. */
  isWhole(path: Path): boolean;
}

/** Reports problems that involve more than one setting. */
export function crossCheck(
  config: GatewayConfig,
  known: KnownNames,
  { report, isWhole }: CrossCheckReport,
): void {
  const unique = (path: (index: number) => Path, names: readonly string[], kind: string) => {
    const seen = new Set<string>();
    for (const [index, name] of names.entries()) {
      if (seen.has(name)) report(path(index), `the ${kind} '${name}' is already in use; choose a unique one`);
      seen.add(name);
    }
  };
  unique(
    (index) => ['credentials', index, 'name'],
    config.credentials.map(({ name }) => name),
    'name',
  );
  unique(
    (index) => ['callers', index, 'name'],
    config.callers.map(({ name }) => name),
    'name',
  );
  const keys = config.callers.flatMap((caller, index) =>
    caller.keys.map((key, place) => ({ id: key.id, path: ['callers', index, 'keys', place, 'id'] as Path })),
  );
  unique(
    (index) => keys[index]?.path ?? [],
    keys.map(({ id }) => id),
    'id',
  );
  for (const [index, { serviceAccount, apiKey }] of config.credentials.entries()) {
    if ((serviceAccount === undefined) === (apiKey === undefined))
      report(['credentials', index], 'write either serviceAccount or apiKey');
  }
  const checkOperations = (path: Path, operations: readonly string[]) => {
    for (const name of operations) {
      if (name === 'lists' || known.operations.has(name) || known.tags.has(name)) continue;
      report(
        path,
        `'${name}' is not a known list operation or tag${didYouMean(name, [...known.operations, ...known.tags])}`,
      );
    }
  };
  for (const [index, { operations }] of config.callers.entries())
    checkOperations(['callers', index, 'operations'], operations);
  if (config.anonymous !== undefined)
    checkOperations(['anonymous', 'operations'], config.anonymous.operations);
  for (const name of Object.keys(config.cache.operations)) {
    if (!known.operations.has(name))
      report(
        ['cache', 'operations', name],
        `is not a known list operation${didYouMean(name, known.operations)}`,
      );
  }
  const { hostname, protocol } = new URL(config.upstream.origin);
  if (protocol === 'http:' && !isLoopback(hostname))
    report(
      ['upstream', 'origin'],
      `'${config.upstream.origin}' would send credentials unencrypted; write an https address`,
    );
  if (config.anonymous !== undefined && !config.anonymous.allowRemote && !isLoopback(config.listen.host)) {
    report(
      ['anonymous'],
      `would admit everyone who can reach ${config.listen.host}; listen on 127.0.0.1, or write allowRemote: true`,
    );
  }
  checkPorts(config, { report, isWhole });
  checkIds(config, report);
  checkTokenRules(config, report);
  if (config.cache.shared !== undefined && config.listen.publicUrl === undefined)
    report(
      ['listen', 'publicUrl'],
      'is required with cache.shared, because shared lists contain links; write the address under which clients reach these gateways',
    );
  if (config.admin.token === undefined && !isLoopback(config.admin.host))
    report(
      ['admin', 'token'],
      `is required because ${config.admin.host} is reachable from other machines; write { file: PATH }`,
    );
  unique(
    (index) => ['issuers', index, 'issuer'],
    config.issuers.map(({ issuer }) => issuer),
    'name',
  );
  for (const [index, { jwks }] of config.issuers.entries()) {
    if ('url' in jwks && !isSafeUrl(jwks.url))
      report(
        ['issuers', index, 'jwks', 'url'],
        'write an https address: its keys decide which tokens are accepted',
      );
    if ('url' in jwks && hasLogin(jwks.url))
      report(['issuers', index, 'jwks', 'url'], 'write it without user and password; key sets are public');
  }
  for (const [index, { jwt }] of config.callers.entries()) {
    if (jwt === undefined) continue;
    const issuers = config.issuers.map(({ issuer }) => issuer);
    if (!issuers.includes(jwt.issuer) && isWhole(['issuers']))
      report(
        ['callers', index, 'jwt', 'issuer'],
        `'${jwt.issuer}' is not listed under issuers${didYouMean(jwt.issuer, issuers)}`,
      );
    if ((jwt.subject === undefined) === (jwt.claim === undefined))
      report(['callers', index, 'jwt'], 'write either subject or claim');
  }
  if (config.callers.length === 0 && config.anonymous === undefined && isWhole(['anonymous']))
    report(
      ['callers'],
      'no caller could read anything; create a key with atlas-gateway new-key --caller NAME, or add anonymous',
    );
}

/** Two listeners cannot share a port. */
function checkPorts({ listen, admin }: GatewayConfig, { report, isWhole }: CrossCheckReport): void {
  const areKnown = ['listen', 'admin'].every((name) => isWhole([name, 'host']) && isWhole([name, 'port']));
  if (!areKnown || listen.port !== admin.port || listen.port === 0) return;
  if (!hostsOverlap(listen.host, admin.host)) return;
  // Report the port that is written in the file; the other may be the default, which has no line.
  const [section, other] = listen.port === DEFAULT_PORT ? ['admin', 'listen.port'] : ['listen', 'admin.port'];
  report([section ?? '', 'port'], `${listen.port} is also used by ${other}; choose another port`);
}

/** A duplicate id is either redundant or a typo. */
function checkIds(
  { credentials, callers, anonymous }: GatewayConfig,
  report: CrossCheckReport['report'],
): void {
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
function checkTokenRules({ callers }: GatewayConfig, report: CrossCheckReport['report']): void {
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

function hasLogin(text: string): boolean {
  const { username, password } = new URL(text);
  return username !== '' || password !== '';
}

function isSafeUrl(text: string): boolean {
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
}
