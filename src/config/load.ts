import { dirname, resolve } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { readSharedAddress } from '../cache/shared-url.ts';
import { keyPairProblem } from './certificate-check.ts';
import { crossCheck, type KnownNames } from './cross-check.ts';
import { fromEnvironment, override } from './environment.ts';
import { environmentProblems } from './environment-problems.ts';
import { lineOf } from './line-of.ts';
import { contentProblem, fileRefs, keyPairs, secretRefs } from './named-files.ts';
import { inFileOrder, isRaw, type Path, type Problem, type Raw, show } from './problem.ts';
import { configSchema, type GatewayConfig, type SecretRef } from './schema.ts';
import { issueProblems } from './schema-issues.ts';
import { readSecret, type SecretSources } from './secrets.ts';
import { snapshotProblem } from './snapshot-check.ts';
import { validPartOf, wholeConfig } from './valid-part.ts';
import { yamlProblems } from './yaml-problems.ts';

export interface LoadOptions extends SecretSources {
  /** The configuration file; absent: credentials come from the environment. */
  readonly path?: string;
  readonly known: KnownNames;
  /** Why a file cannot be written at a path, and what to do; undefined where it can. */
  readonly whyNotWritable: (path: string) => string | undefined;
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

/** Keys that sign or encrypt are no passwords. */
const MIN_KEY_LENGTH = 32;

type Locate = (path: Path) => Pick<Problem, 'file' | 'line'>;

/** Reads, checks and completes the configuration. All problems come at once. Nothing of a secret's value is in a problem. */
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
    const lines = new LineCounter();
    const document = parseDocument(text, { lineCounter: lines });
    for (const problem of yamlProblems(document.errors, lines))
      problems.push({ file: path, setting: '', ...problem });
    if (problems.length > 0) return { ok: false, problems: [...problems, ...environmentProblems(env)] };
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
          ...environmentProblems(env),
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
  }
  // Settings that are valid are checked further while others are still wrong, so that every problem is reported at once.
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
  const tooShort = (ref: SecretRef | undefined, where: Path) => {
    if (ref !== undefined && (secrets.get(JSON.stringify(ref))?.length ?? MIN_KEY_LENGTH) < MIN_KEY_LENGTH)
      reportValid(where, `is too short for a key; write at least ${MIN_KEY_LENGTH} random characters`);
  };
  tooShort(config.tokens.signingKey, ['tokens', 'signingKey']);
  tooShort(config.cache.snapshot?.encryptionKey, ['cache', 'snapshot', 'encryptionKey']);
  const { shared } = config.cache;
  tooShort(shared?.encryptionKey, ['cache', 'shared', 'encryptionKey']);
  tooShort(shared?.previousEncryptionKey, ['cache', 'shared', 'previousEncryptionKey']);
  const address = shared === undefined ? undefined : secrets.get(JSON.stringify(shared.url));
  if (address !== undefined && readSharedAddress(address) === undefined)
    reportValid(
      ['cache', 'shared', 'url'],
      'is no address of a Redis; write redis://, rediss://, redis+sentinel://…/primary or redis+cluster://, special characters of a password percent-encoded',
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
        `the file ${ref.file} cannot be read; check that it is there and readable by this user`,
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
  if (problems.length > 0) return { ok: false, problems: inFileOrder(problems) };
  return {
    ok: true,
    config,
    secretOf: (ref) => secrets.get(JSON.stringify(ref)) ?? '',
    files,
  };
}
