import { dirname, resolve } from 'node:path';
import { isMap, isSeq, LineCounter, type ParsedNode, parseDocument, type YAMLMap, type YAMLSeq } from 'yaml';
import type { z } from 'zod';
import { didYouMean } from '../lib/suggest.ts';
import { configSchema, type GatewayConfig, SCALAR_SETTINGS, type SecretRef } from './schema.ts';
import { readSecret, type SecretSources } from './secrets.ts';

/** Something wrong with the configuration: where, and what to write instead. */
export interface Problem {
  /** File name, or `environment`. */
  readonly file: string;
  readonly line?: number;
  /** The setting, such as `cache.maxBytes`. */
  readonly setting: string;
  readonly message: string;
}

/** Names the configuration may use. */
export interface KnownNames {
  readonly operations: ReadonlySet<string>;
  readonly tags: ReadonlySet<string>;
}

export interface LoadOptions extends SecretSources {
  /** The configuration file; absent: credentials come from the environment. */
  readonly path?: string;
  readonly known: KnownNames;
}

/** A configuration and its secrets, or everything that is wrong with it. */
export type LoadedConfig =
  | {
      readonly ok: true;
      readonly config: GatewayConfig;
      readonly secretOf: (ref: SecretRef) => string;
      /** Every file it was read from, secrets included. */
      readonly files: readonly string[];
    }
  | { readonly ok: false; readonly problems: readonly Problem[] };

type Path = readonly PropertyKey[];
type Raw = Record<string, unknown>;
type Locate = (path: Path) => Pick<Problem, 'file' | 'line'>;

const PREFIX = 'ATLAS_GATEWAY_';
/** Set by the launcher, not a setting. */
const CONFIG_VARIABLE = `${PREFIX}CONFIG`;
const LOOPBACK = /^(localhost|::1|127(\.\d{1,3}){3})$/;

const show = (path: Path) =>
  path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
const isRaw = (value: unknown): value is Raw =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `gateway.yaml:14 cache.maxBytes: '64MBs' is no size; write 64MiB or 67108864` */
export const formatProblem = ({ file, line, setting, message }: Problem): string =>
  `${file}${line === undefined ? '' : `:${line}`}${setting === '' ? '' : ` ${setting}`}: ${message}`;

/** `listen.publicUrl` → `ATLAS_GATEWAY_LISTEN_PUBLIC_URL` */
export const variableOf = (setting: string): string =>
  PREFIX + setting.replace(/[A-Z]/g, '_$&').replaceAll('.', '_').toUpperCase();

function override(
  raw: Raw,
  env: LoadOptions['env'],
): { problems: Problem[]; overridden: Map<string, string> } {
  const settings = new Map<string, string>(SCALAR_SETTINGS.map((setting) => [variableOf(setting), setting]));
  const overridden = new Map<string, string>();
  const problems: Problem[] = [];
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith(PREFIX) || variable === CONFIG_VARIABLE || value === undefined) continue;
    const setting = settings.get(variable);
    if (setting === undefined) {
      problems.push({
        file: 'environment',
        setting: variable,
        message: `names no setting${didYouMean(variable, settings.keys())}`,
      });
      continue;
    }
    const [section = '', key = ''] = setting.split('.');
    const held = raw[section];
    raw[section] = {
      ...(isRaw(held) ? held : {}),
      [key]: /^\d+(\.\d+)?$/.test(value) ? Number(value) : value,
    };
    overridden.set(setting, variable);
  }
  return { problems, overridden };
}

const pair = (one: string, other: string): string => `${one} is set but ${other} is not; set both`;

/** The configuration of a start without a file: one credential from the environment, and lists open to this machine. */
function fromEnvironment(env: LoadOptions['env']): Raw | string {
  const set = (variable: string) => (env[variable] ?? '') !== '';
  const [id, secret, publicKey, privateKey] = [
    'MONGODB_ATLAS_CLIENT_ID',
    'MONGODB_ATLAS_CLIENT_SECRET',
    'MONGODB_ATLAS_PUBLIC_KEY',
    'MONGODB_ATLAS_PRIVATE_KEY',
  ] as const;
  for (const [one, other] of [
    [id, secret],
    [secret, id],
    [publicKey, privateKey],
    [privateKey, publicKey],
  ] as const) {
    if (set(one) && !set(other)) return pair(one, other);
  }
  const anonymous = { projects: 'all', organizations: 'all', operations: 'lists' };
  if (set(id))
    return {
      credentials: [
        { name: 'environment', serviceAccount: { clientId: { env: id }, clientSecret: { env: secret } } },
      ],
      anonymous,
    };
  if (set(publicKey))
    return {
      credentials: [
        { name: 'environment', apiKey: { publicKey: { env: publicKey }, privateKey: { env: privateKey } } },
      ],
      anonymous,
    };
  return `no configuration and no credentials; start with --config FILE, or set ${id} and ${secret} (or ${publicKey} and ${privateKey}), or try the gateway without Atlas: atlas-gateway demo`;
}

/** Problems of the parsed file that no single setting shows. */
function crossCheck(
  config: GatewayConfig,
  known: KnownNames,
  report: (path: Path, message: string) => void,
): void {
  const unique = (path: (index: number) => Path, names: readonly string[], what: string) => {
    for (const [index, name] of names.entries())
      if (names.indexOf(name) !== index)
        report(path(index), `'${name}' is the ${what} of another one already; give each its own`);
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
        `'${name}' is no list operation and no tag${didYouMean(name, [...known.operations, ...known.tags])}`,
      );
    }
  };
  for (const [index, { operations }] of config.callers.entries())
    checkOperations(['callers', index, 'operations'], operations);
  if (config.anonymous !== undefined)
    checkOperations(['anonymous', 'operations'], config.anonymous.operations);
  for (const name of Object.keys(config.cache.operations)) {
    if (!known.operations.has(name))
      report(['cache', 'operations', name], `is no list operation${didYouMean(name, known.operations)}`);
  }
  const { hostname, protocol } = new URL(config.upstream.origin);
  if (protocol === 'http:' && !LOOPBACK.test(hostname.replace(/^\[|\]$/g, '')))
    report(
      ['upstream', 'origin'],
      `'${config.upstream.origin}' would send credentials unencrypted; write an https address`,
    );
  if (config.anonymous !== undefined && !config.anonymous.allowRemote && !LOOPBACK.test(config.listen.host)) {
    report(
      ['anonymous'],
      `would let everyone in who reaches ${config.listen.host}; listen on 127.0.0.1, or write allowRemote: true`,
    );
  }
  if (config.admin.token === undefined && !LOOPBACK.test(config.admin.host))
    report(
      ['admin', 'token'],
      `is needed where ${config.admin.host} can be reached from other machines; write { file: PATH }`,
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
        'write an https address: whoever answers it decides who is let in',
      );
  }
  for (const [index, { jwt }] of config.callers.entries()) {
    if (jwt === undefined) continue;
    const issuers = config.issuers.map(({ issuer }) => issuer);
    if (!issuers.includes(jwt.issuer))
      report(
        ['callers', index, 'jwt', 'issuer'],
        `'${jwt.issuer}' is not under issuers${didYouMean(jwt.issuer, issuers)}`,
      );
    if ((jwt.subject === undefined) === (jwt.claim === undefined))
      report(['callers', index, 'jwt'], 'write either subject or claim');
  }
  if (config.callers.length === 0 && config.anonymous === undefined)
    report(
      ['callers'],
      'nobody could read anything; make a key with atlas-gateway new-key --caller NAME, or write anonymous',
    );
}

function isSafeUrl(text: string): boolean {
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || (protocol === 'http:' && LOOPBACK.test(hostname.replace(/^\[|\]$/g, '')));
}

/** Files that are read whole, certificates and keys for verifying, with their place. */
function fileRefs(config: GatewayConfig): { ref: { file: string }; path: Path }[] {
  const { tls } = config.listen;
  return [
    ...(tls === undefined
      ? []
      : [
          { ref: tls.cert, path: ['listen', 'tls', 'cert'] },
          { ref: tls.key, path: ['listen', 'tls', 'key'] },
        ]),
    ...config.issuers.flatMap(({ jwks }, index) =>
      'file' in jwks ? [{ ref: jwks, path: ['issuers', index, 'jwks'] }] : [],
    ),
    ...config.callers.flatMap(({ keys }, index) =>
      keys.flatMap(({ ha1 }, place) =>
        ha1 === undefined ? [] : [{ ref: ha1, path: ['callers', index, 'keys', place, 'ha1'] }],
      ),
    ),
  ];
}

/** What is wrong with such a file's content, or undefined. */
function contentProblem(path: Path, content: string): string | undefined {
  const setting = show(path);
  if (
    setting.endsWith('ha1') &&
    !/^([a-f0-9]{32}|[a-f0-9]{64})(\s+([a-f0-9]{32}|[a-f0-9]{64}))*\s*$/.test(content)
  )
    return 'holds no HA1; make it with atlas-gateway new-key --ha1-file';
  if (setting.endsWith('jwks') && !isKeySet(content))
    return 'holds no JSON Web Key Set; it begins with {"keys": [';
  if (setting.startsWith('listen.tls') && !content.includes('-----BEGIN '))
    return 'holds no PEM; it begins with -----BEGIN';
  return undefined;
}

function isKeySet(content: string): boolean {
  try {
    const set: unknown = JSON.parse(content);
    return isRaw(set) && Array.isArray(set['keys']);
  } catch {
    return false;
  }
}

/** Every secret the configuration names, with its place. */
function secretRefs(config: GatewayConfig): { ref: SecretRef; path: Path }[] {
  const refs: { ref: SecretRef; path: Path }[] = [];
  if (config.admin.token !== undefined) refs.push({ ref: config.admin.token, path: ['admin', 'token'] });
  const { signingKey } = config.tokens;
  if (signingKey !== undefined) refs.push({ ref: signingKey, path: ['tokens', 'signingKey'] });
  for (const [index, { serviceAccount, apiKey }] of config.credentials.entries()) {
    for (const [kind, pairOfSecrets] of Object.entries({ serviceAccount, apiKey })) {
      for (const [key, ref] of Object.entries(pairOfSecrets ?? {}))
        refs.push({ ref, path: ['credentials', index, kind, key] });
    }
  }
  return refs;
}

function issueProblems(issue: z.core.$ZodIssue, raw: unknown): { path: Path; message: string }[] {
  if (issue.code === 'unrecognized_keys') {
    const names = allowedKeys(issue.path);
    return issue.keys.map((key) => ({
      path: [...issue.path, key],
      message: `is no setting${didYouMean(key, names)}`,
    }));
  }
  const value = issue.path.reduce<unknown>(
    (at, part) =>
      typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[part] : undefined,
    raw,
  );
  const missing =
    value === undefined && issue.code === 'invalid_type' && issue.message.startsWith('Invalid input');
  return [{ path: issue.path, message: missing ? 'is missing' : issue.message }];
}

/** The settings there are at a path, for suggestions. */
function allowedKeys(path: Path): string[] {
  let at: unknown = configSchema;
  const inner = (schema: unknown): unknown => {
    const { def } = (schema as { def?: { innerType?: unknown; in?: unknown } }) ?? {};
    return def?.innerType === undefined ? schema : inner(def.innerType);
  };
  for (const part of path) {
    const { shape, def } = inner(at) as {
      shape?: Record<string, unknown>;
      def?: { element?: unknown; valueType?: unknown };
    };
    at = shape?.[String(part)] ?? def?.element ?? def?.valueType;
    if (at === undefined) return [];
  }
  return Object.keys((inner(at) as { shape?: object }).shape ?? {});
}

/** Reads, checks and completes the configuration. All problems come at once. Nothing of a secret's value is in a problem. */
export function loadConfig(options: LoadOptions): LoadedConfig {
  const { path, env, known } = options;
  const problems: Problem[] = [];
  let raw: Raw = {};
  let locate: Locate = () => ({ file: 'environment' });
  if (path === undefined) {
    const made = fromEnvironment(env);
    if (typeof made === 'string')
      return { ok: false, problems: [{ file: 'environment', setting: '', message: made }] };
    raw = made;
  } else {
    let text: string;
    try {
      text = options.readFile(path);
    } catch {
      return {
        ok: false,
        problems: [
          { file: path, setting: '', message: 'cannot be read; check the path given with --config' },
        ],
      };
    }
    const lines = new LineCounter();
    const document = parseDocument(text, { lineCounter: lines });
    for (const error of document.errors) {
      problems.push({
        file: path,
        line: lines.linePos(error.pos[0]).line,
        setting: '',
        message: `is no YAML: ${error.message.split('\n', 1)[0] ?? ''}`,
      });
    }
    if (problems.length > 0) return { ok: false, problems };
    const parsed: unknown = document.toJS();
    if (!isRaw(parsed))
      return {
        ok: false,
        problems: [
          {
            file: path,
            line: 1,
            setting: '',
            message: 'must be a mapping of settings; begin with credentials:',
          },
        ],
      };
    raw = parsed;
    locate = (where) => ({ file: path, line: lineOf(document.contents, where, lines) });
  }
  const { problems: variableProblems, overridden } = override(raw, env);
  problems.push(...variableProblems);
  const report = (where: Path, message: string) => {
    const setting = show(where);
    const variable = overridden.get(setting);
    problems.push(
      variable === undefined
        ? { ...locate(where), setting, message }
        : { file: 'environment', setting: variable, message },
    );
  };
  const parsed = configSchema.safeParse(raw);
  if (!parsed.success) {
    for (const issue of parsed.error.issues)
      for (const { path: where, message } of issueProblems(issue, raw)) report(where, message);
    return { ok: false, problems };
  }
  const config = parsed.data;
  crossCheck(config, known, report);
  const folder = path === undefined ? '.' : dirname(path);
  const sources: SecretSources = { env, readFile: (file) => options.readFile(resolve(folder, file)) };
  const secrets = new Map<string, string>();
  for (const { ref, path: where } of secretRefs(config)) {
    const read = readSecret(ref, sources);
    if ('problem' in read) report(where, read.problem);
    else secrets.set(JSON.stringify(ref), read.value);
  }
  const signingKey = config.tokens.signingKey;
  if (signingKey !== undefined && (secrets.get(JSON.stringify(signingKey))?.length ?? 32) < 32)
    report(['tokens', 'signingKey'], 'is too short to sign with; write at least 32 random characters');
  for (const { ref, path: where } of fileRefs(config)) {
    try {
      const content = sources.readFile(ref.file);
      const problem = contentProblem(where, content);
      if (problem === undefined) secrets.set(JSON.stringify(ref), content);
      else report(where, `the file ${ref.file} ${problem}`);
    } catch {
      report(where, `the file ${ref.file} cannot be read; check that it is there and readable by this user`);
    }
  }
  if (problems.length > 0) return { ok: false, problems };
  const named = [...secretRefs(config), ...fileRefs(config)].flatMap(({ ref }) =>
    'file' in ref ? [resolve(folder, ref.file)] : [],
  );
  return {
    ok: true,
    config,
    secretOf: (ref) => secrets.get(JSON.stringify(ref)) ?? '',
    files: path === undefined ? named : [path, ...named],
  };
}

/** Line of the setting at a path, or of the nearest one around it that is written. */
function lineOf(contents: ParsedNode | null, path: Path, lines: LineCounter): number {
  let node: ParsedNode | null | undefined = contents;
  let offset = contents?.range[0] ?? 0;
  for (const part of path) {
    const next: Place | undefined = isMap(node)
      ? memberAt(node, part)
      : isSeq(node)
        ? itemAt(node, part)
        : undefined;
    if (next === undefined) break;
    offset = next.offset;
    node = next.value;
  }
  return lines.linePos(offset).line;
}

interface Place {
  readonly offset: number;
  readonly value: ParsedNode | null;
}

function memberAt(map: YAMLMap.Parsed, name: PropertyKey): Place | undefined {
  const member = map.items.find(({ key }) => String(key) === String(name));
  return member === undefined ? undefined : { offset: member.key.range[0], value: member.value };
}

function itemAt(sequence: YAMLSeq.Parsed, index: PropertyKey): Place | undefined {
  const value = sequence.items[Number(index)];
  return value === undefined ? undefined : { offset: value.range[0], value };
}
