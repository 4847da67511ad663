import { dirname, resolve } from 'node:path';
import { readSharedAddress } from '../cluster/redis-url.ts';
import { keyPairProblem } from './certificate-check.ts';
import { inFileOrder, type Path, type Problem, type Raw, show } from './config-error.ts';
import { crossCheck, type KnownNames } from './cross-check.ts';
import { environmentProblems } from './env-errors.ts';
import { fromEnvironment, override } from './env-overrides.ts';
import { contentProblem, fileRefs, keyPairs, secretRefs } from './file-refs.ts';
import { readYaml } from './read-yaml.ts';
import type { ResolvedConfig } from './reload-settings.ts';
import { configSchema, type SecretRef } from './schema.ts';
import { issueProblems } from './schema-issues.ts';
import { readSecret, type SecretSources } from './secrets.ts';
import { snapshotProblem } from './snapshot-check.ts';
import { validPartOf, wholeConfig } from './valid-part.ts';

export interface LoadOptions extends SecretSources {
  /** Path of the configuration file; if absent, credentials are read from the environment. */
  readonly path?: string;
  readonly known: KnownNames;
  /** Returns why a file cannot be written at a path, with a remedy; undefined if it can. */
  readonly whyNotWritable: (path: string) => string | undefined;
}

/** A configuration with its secrets, or all of its problems. */
export type LoadedConfig =
  | (ResolvedConfig & {
      readonly ok: true;
      /** Every file it was read from, including secrets. */
      readonly files: readonly string[];
    })
  | {
      readonly ok: false;
      readonly problems: readonly Problem[];
      /** Every file that it names, as far as it could be read: one that is missing may still come. */
      readonly files?: readonly string[];
    };

/** Minimum lengths of signing and encryption keys, and of secrets used for authentication. */
const MIN_KEY_LENGTH = 32;
const MIN_SECRET_LENGTH = 16;

type Locate = (path: Path) => Pick<Problem, 'file' | 'line'>;

/** Loads and validates the configuration, and reports all problems at once. Messages never contain the value of a secret. */
export function loadConfig(options: LoadOptions): LoadedConfig {
  const { path, env, known } = options;
  const problems: Problem[] = [];
  let raw: Raw = {};
  let locate: Locate = () => ({ file: 'environment' });
  if (path === undefined) {
    const made = fromEnvironment(env);
    if (typeof made === 'string')
      return {
        ok: false,
        problems: [{ file: 'environment', setting: '', message: made }, ...environmentProblems(env)],
      };
    raw = made;
  } else {
    let text: string;
    try {
      text = options.readFile(path);
    } catch {
      return {
        ok: false,
        problems: [
          {
            file: path,
            setting: '',
            message: 'cannot be read; check the path given with --config or ATLAS_GATEWAY_CONFIG',
          },
          ...environmentProblems(env),
        ],
      };
    }
    const read = readYaml(path, text);
    if (!read.ok) return { ok: false, problems: [...read.problems, ...environmentProblems(env)] };
    raw = read.raw;
    locate = (where) => ({ file: path, line: read.lineOf(where) });
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
  }
  // Valid settings are cross-checked even if others are invalid, so that all problems are reported at once.
  const valid = parsed.success ? wholeConfig(parsed.data) : validPartOf(raw, parsed.error.issues);
  const { config } = valid;
  const reportValid = (where: Path, message: string) => {
    const place = valid.pathInFile(where);
    if (valid.isWhole(place)) report(place, message);
  };
  crossCheck(config, known, { report: reportValid, isWhole: valid.isWhole });
  const folder = path === undefined ? '.' : dirname(path);
  const { snapshot } = config.cache;
  if (snapshot !== undefined) snapshot.path = resolve(folder, snapshot.path);
  const sources: SecretSources = { env, readFile: (file) => options.readFile(resolve(folder, file)) };
  const secrets = new Map<string, string>();
  for (const { ref, path: where } of secretRefs(config)) {
    const read = readSecret(ref, sources, { isOneWord: where[0] === 'credentials' });
    if ('problem' in read) reportValid(where, read.problem);
    else secrets.set(JSON.stringify(ref), read.value);
  }
  const requireLength = (length: number, ref: SecretRef | undefined, where: Path) => {
    if (ref !== undefined && (secrets.get(JSON.stringify(ref))?.length ?? length) < length)
      reportValid(where, `is too short to be a secret; write at least ${length} random characters`);
  };
  requireLength(MIN_SECRET_LENGTH, config.admin.token, ['admin', 'token']);
  for (const [index, { serviceAccount, apiKey }] of config.credentials.entries()) {
    const place = ['credentials', index];
    requireLength(MIN_SECRET_LENGTH, serviceAccount?.clientSecret, [
      ...place,
      'serviceAccount',
      'clientSecret',
    ]);
    requireLength(MIN_SECRET_LENGTH, apiKey?.privateKey, [...place, 'apiKey', 'privateKey']);
  }
  const { snapshot: file, shared } = config.cache;
  requireLength(MIN_KEY_LENGTH, config.tokens.signingKey, ['tokens', 'signingKey']);
  requireLength(MIN_KEY_LENGTH, file?.encryptionKey, ['cache', 'snapshot', 'encryptionKey']);
  requireLength(MIN_KEY_LENGTH, shared?.encryptionKey, ['cache', 'shared', 'encryptionKey']);
  requireLength(MIN_KEY_LENGTH, shared?.previousEncryptionKey, ['cache', 'shared', 'previousEncryptionKey']);
  const address = shared === undefined ? undefined : secrets.get(JSON.stringify(shared.url));
  if (address !== undefined && readSharedAddress(address) === undefined)
    reportValid(
      ['cache', 'shared', 'url'],
      'is not a valid Redis URL; use redis://, rediss://, redis+sentinel://…/primary or redis+cluster://, with special characters in the password percent-encoded',
    );
  for (const { ref, path: where } of fileRefs(config)) {
    try {
      const content = sources.readFile(ref.file);
      const problem = contentProblem(where, content);
      if (problem === undefined) secrets.set(JSON.stringify(ref), content);
      else reportValid(where, `the file ${ref.file} ${problem}`);
    } catch {
      reportValid(
        where,
        `the file ${ref.file} cannot be read; check that it exists and is readable by this user`,
      );
    }
  }
  for (const { cert, key, path: where } of keyPairs(config)) {
    const [certificates, privateKey] = [cert, key].map((ref) => secrets.get(JSON.stringify(ref)));
    if (certificates === undefined || privateKey === undefined) continue;
    const problem = keyPairProblem(certificates, privateKey);
    if (problem !== undefined) reportValid(where, `the file ${key.file} ${problem}`);
  }
  const named = [...secretRefs(config), ...fileRefs(config)].flatMap(({ ref }) =>
    'file' in ref ? [resolve(folder, ref.file)] : [],
  );
  const files = path === undefined ? named : [path, ...named];
  if (snapshot !== undefined) {
    const { whyNotWritable } = options;
    const problem = snapshotProblem(snapshot.path, {
      named: files.map((file) => resolve(file)),
      whyNotWritable,
    });
    if (problem !== undefined) reportValid(['cache', 'snapshot', 'path'], problem);
  }
  if (problems.length > 0) return { ok: false, problems: inFileOrder(problems), files };
  return {
    ok: true,
    config,
    secretOf(ref) {
      const value = secrets.get(JSON.stringify(ref));
      if (value === undefined) throw new Error(`The configuration does not reference the ${nameOf(ref)}.`);
      return value;
    },
    files,
  };
}

const nameOf = (ref: SecretRef) => ('env' in ref ? `environment variable ${ref.env}` : `file ${ref.file}`);
