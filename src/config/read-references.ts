import { keyPairProblem } from './certificate-check.ts';
import { type Path, show } from './config-error.ts';
import { contentProblem, fileRefs, keyPairs, secretRefs } from './file-refs.ts';
import { keptValue, type SecretsInForce } from './kept-secrets.ts';
import type { GatewayConfig, SecretRef } from './schema.ts';
import { checkSecrets } from './secret-checks.ts';
import { readSecret, type SecretSources } from './secrets.ts';

/** Values by reference; equal references have one value. */
export interface ReferencedValues {
  get(ref: SecretRef): string | undefined;
  set(ref: SecretRef, value: string): void;
}

type Report = (path: Path, message: string) => void;

interface ReadOptions {
  readonly sources: SecretSources;
  readonly report: Report;
  /** The values that are kept where new ones cannot be read or used. */
  readonly inForce: SecretsInForce;
  /** Receives what would be a problem without them. */
  readonly reportKept: Report;
}

/** Reads every secret and file that a configuration references, and reports those that cannot be read or used. */
export function readReferences(config: GatewayConfig, options: ReadOptions): ReferencedValues {
  const values = createReferencedValues();
  const keep = createKeep(config, values, options);
  readSecrets(config, values, { ...options, keep });
  readFiles(config, values, { ...options, keep });
  checkKeyPairs(config, values, { ...options, keep });
  return values;
}

/** Keeps the values in force of these references, and reports the problem as such; false, and nothing changes, unless all have one. */
type Keep = (refs: readonly SecretRef[], at: { path: Path; problem: string }) => boolean;

function createKeep(
  config: GatewayConfig,
  values: ReferencedValues,
  { inForce, reportKept }: ReadOptions,
): Keep {
  return (refs, { path, problem }) => {
    const kept = refs.flatMap((ref) => {
      const value = keptValue(config, ref, inForce);
      return value === undefined ? [] : [{ ref, value }];
    });
    if (kept.length < refs.length) return false;
    for (const { ref, value } of kept) values.set(ref, value);
    reportKept(path, problem);
    return true;
  };
}

type KeepOptions = ReadOptions & { readonly keep: Keep };

function readSecrets(
  config: GatewayConfig,
  values: ReferencedValues,
  { sources, report, keep }: KeepOptions,
): void {
  const references = secretRefs(config);
  const keepOrReport: Report = (path, problem) => {
    const reference = references.find((one) => show(one.path) === show(path));
    if (reference === undefined || !keep([reference.ref], { path, problem })) report(path, problem);
  };
  for (const { ref, path } of references) {
    const read = readSecret(ref, sources, { isOneWord: path[0] === 'credentials' });
    if ('problem' in read) keepOrReport(path, read.problem);
    else values.set(ref, read.value);
  }
  checkSecrets(config, { secretValue: values.get, report: keepOrReport });
}

function readFiles(
  config: GatewayConfig,
  values: ReferencedValues,
  { sources, report, keep }: KeepOptions,
): void {
  for (const { ref, path } of fileRefs(config)) {
    const content = contentOf(ref.file, sources);
    const wrong =
      content === undefined
        ? 'cannot be read; check that it exists and is readable by this user'
        : contentProblem(path, content);
    const problem = `the file ${ref.file} ${wrong}`;
    if (wrong === undefined && content !== undefined) values.set(ref, content);
    else if (!keep([ref], { path, problem })) report(path, problem);
  }
}

function createReferencedValues(): ReferencedValues {
  const values = new Map<string, string>();
  return {
    get: (ref) => values.get(JSON.stringify(ref)),
    set(ref, value) {
      values.set(JSON.stringify(ref), value);
    },
  };
}

function contentOf(file: string, { readFile }: SecretSources): string | undefined {
  try {
    return readFile(file);
  } catch {
    return undefined;
  }
}

/** A certificate and its key stay in force together: files that are replaced one after the other do not match for a moment. */
function checkKeyPairs(config: GatewayConfig, values: ReferencedValues, { report, keep }: KeepOptions): void {
  for (const { cert, key, path } of keyPairs(config)) {
    const [certificates, privateKey] = [values.get(cert), values.get(key)];
    if (certificates === undefined || privateKey === undefined) continue;
    const wrong = keyPairProblem(certificates, privateKey);
    if (wrong === undefined) continue;
    const problem = `the file ${key.file} ${wrong}`;
    if (!keep([cert, key], { path, problem })) report(path, problem);
  }
}
