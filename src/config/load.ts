import { dirname, resolve } from 'node:path';
import { inFileOrder, type Path, type Problem, type Raw, show } from './config-error.ts';
import { type ConfigSource, readSource } from './config-source.ts';
import { crossCheck, type KnownNames } from './cross-check.ts';
import { environmentProblems } from './env-errors.ts';
import { applyOverrides, type Environment } from './env-overrides.ts';
import { fileRefs, secretRefs } from './file-refs.ts';
import type { SecretsInForce } from './kept-secrets.ts';
import { proxyVariable } from './proxy-variables.ts';
import { type ReferencedValues, readReferences } from './read-references.ts';
import type { ResolvedConfig } from './reload-settings.ts';
import { configSchema, type GatewayConfig, type SecretRef } from './schema.ts';
import { issueProblems } from './schema-issues.ts';
import type { SecretSources } from './secrets.ts';
import { snapshotProblem } from './snapshot-check.ts';
import { type ValidPart, validPartOf, wholeConfig } from './valid-part.ts';

export interface LoadOptions extends SecretSources {
  /** Path of the configuration file; if absent, credentials are read from the environment. */
  readonly path?: string;
  readonly known: KnownNames;
  /** At a reload: the values of secrets and files that are kept where new ones cannot be read or used. */
  readonly inForce?: SecretsInForce;
  /** Returns why a file cannot be written at a path, with a remedy; undefined if it can. */
  readonly whyNotWritable: (path: string) => string | undefined;
}

/** A configuration with its secrets, or all of its problems. */
export type LoadedConfig =
  | (ResolvedConfig & {
      readonly ok: true;
      /** Every file it was read from, including secrets. */
      readonly files: readonly string[];
      /** Secrets and files that could not be read or used, and whose previous values stay in force. */
      readonly kept: readonly Problem[];
    })
  | {
      readonly ok: false;
      readonly problems: readonly Problem[];
      /** Every file that it names, as far as it could be read: one that is missing may still come. */
      readonly files?: readonly string[];
    };

type Report = (path: Path, message: string) => void;

const NOTHING_IN_FORCE: SecretsInForce = new Map();

/** Loads and validates the configuration, and reports all problems at once. Messages never contain the value of a secret. */
export function loadConfig(options: LoadOptions): LoadedConfig {
  const { path, env, known } = options;
  const source = readSource(path, options);
  if (!source.ok) return { ok: false, problems: [...source.problems, ...environmentProblems(env)] };
  const { raw, locate } = source;
  const { problems: variableProblems, overridden } = applyOverrides(raw, env);
  const problems = [...variableProblems];
  const report = createReport(problems, locate, overridden);
  const valid = parse(raw, report);
  const { config } = valid;
  const reportValid: Report = (where, message) => {
    const place = valid.pathInFile(where);
    if (valid.isWhole(place)) report(place, message);
  };
  const folder = path === undefined ? '.' : dirname(path);
  resolvePaths(config, folder);
  crossCheck(config, known, { report: reportValid, isWhole: valid.isWhole });
  adoptProxyVariables(config, {
    env,
    adopted: (where, variable) => overridden.set(show(valid.pathInFile(where)), variable),
  });
  const kept: Problem[] = [];
  const reportKept = createReport(kept, locate, overridden);
  const values = readReferences(config, {
    sources: { env, readFile: (file) => options.readFile(resolve(folder, file)) },
    report: reportValid,
    inForce: options.inForce ?? NOTHING_IN_FORCE,
    reportKept: (where, message) =>
      reportKept(valid.pathInFile(where), `${message}; the previous value stays in force`),
  });
  const files = [...(path === undefined ? [] : [path]), ...namedFiles(config, folder)];
  checkSnapshotPath(config, { files, whyNotWritable: options.whyNotWritable, report: reportValid });
  if (problems.length > 0) return { ok: false, problems: inFileOrder(problems), files };
  return { ok: true, config, secretOf: secretOf(values), files, kept: inFileOrder(kept) };
}

/** Paths are relative to the folder of the configuration. */
function resolvePaths({ cache: { snapshot }, listen, admin }: GatewayConfig, folder: string): void {
  if (snapshot !== undefined) snapshot.path = resolve(folder, snapshot.path);
  for (const listener of [listen, admin])
    if (listener.socket !== undefined) listener.socket = resolve(folder, listener.socket);
}

/** Proxies that the configuration does not name are taken from the environment, as curl does. */
function adoptProxyVariables(
  { upstream, issuers }: GatewayConfig,
  { env, adopted }: { env: Environment; adopted: (path: Path, variable: string) => void },
): void {
  const adopt = (owner: { proxy?: SecretRef | undefined }, { url, path }: { url: string; path: Path }) => {
    const variable = owner.proxy === undefined ? proxyVariable(url, env) : undefined;
    if (variable === undefined) return;
    owner.proxy = { env: variable };
    adopted(path, variable);
  };
  adopt(upstream, { url: upstream.origin, path: ['upstream', 'proxy'] });
  for (const [index, { jwks }] of issuers.entries())
    if ('url' in jwks) adopt(jwks, { url: jwks.url, path: ['issuers', index, 'jwks', 'proxy'] });
}

function checkSnapshotPath(
  { cache: { snapshot } }: GatewayConfig,
  {
    files,
    whyNotWritable,
    report,
  }: { files: readonly string[]; whyNotWritable: LoadOptions['whyNotWritable']; report: Report },
): void {
  if (snapshot === undefined) return;
  const named = files.map((file) => resolve(file));
  const problem = snapshotProblem(snapshot.path, { named, whyNotWritable });
  if (problem !== undefined) report(['cache', 'snapshot', 'path'], problem);
}

/** Adds problems with their place: the line of the file, or the variable that overrides the setting. */
function createReport(
  problems: Problem[],
  locate: Extract<ConfigSource, { ok: true }>['locate'],
  overridden: ReadonlyMap<string, string>,
): Report {
  return (where, message) => {
    const setting = show(where);
    const variable = overridden.get(setting);
    problems.push(
      variable === undefined
        ? { ...locate(where), setting, message }
        : { file: 'environment', setting: variable, message },
    );
  };
}

/** Valid settings are checked further even if others are invalid, so that all problems are reported at once. */
function parse(raw: Raw, report: Report): ValidPart {
  const parsed = configSchema.safeParse(raw);
  if (parsed.success) return wholeConfig(parsed.data);
  const { issues } = parsed.error;
  for (const { path, message } of issues.flatMap((issue) => issueProblems(issue, raw))) report(path, message);
  return validPartOf(raw, issues);
}

const namedFiles = (config: GatewayConfig, folder: string): readonly string[] =>
  [...secretRefs(config), ...fileRefs(config)].flatMap(({ ref }) =>
    'file' in ref ? [resolve(folder, ref.file)] : [],
  );

const secretOf =
  (values: ReferencedValues): ResolvedConfig['secretOf'] =>
  (ref) => {
    const value = values.get(ref);
    if (value === undefined) throw new Error(`The configuration does not reference the ${nameOf(ref)}.`);
    return value;
  };

const nameOf = (ref: SecretRef) => ('env' in ref ? `environment variable ${ref.env}` : `file ${ref.file}`);
