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
  /** Secrets that are kept where they cannot be read or are too short. */
  readonly inForce: SecretsInForce;
  /** Receives what would be a problem without them. */
  readonly reportKept: Report;
}

/** Reads every secret and file that a configuration references, and reports those that cannot be read or used. */
export function readReferences(config: GatewayConfig, options: ReadOptions): ReferencedValues {
  const { sources, report } = options;
  const values = createReferencedValues();
  readSecrets(config, values, options);
  for (const { ref, path } of fileRefs(config)) {
    const content = contentOf(ref.file, sources);
    const problem =
      content === undefined
        ? 'cannot be read; check that it exists and is readable by this user'
        : contentProblem(path, content);
    if (problem !== undefined) report(path, `the file ${ref.file} ${problem}`);
    else if (content !== undefined) values.set(ref, content);
  }
  checkKeyPairs(config, { values, report });
  return values;
}

function readSecrets(
  config: GatewayConfig,
  values: ReferencedValues,
  { sources, report, inForce, reportKept }: ReadOptions,
): void {
  const references = secretRefs(config);
  const keepOrReport: Report = (path, problem) => {
    const reference = references.find((one) => show(one.path) === show(path));
    const kept = reference === undefined ? undefined : keptValue(config, reference.ref, inForce);
    if (reference === undefined || kept === undefined) {
      report(path, problem);
      return;
    }
    values.set(reference.ref, kept);
    reportKept(path, problem);
  };
  for (const { ref, path } of references) {
    const read = readSecret(ref, sources, { isOneWord: path[0] === 'credentials' });
    if ('problem' in read) keepOrReport(path, read.problem);
    else values.set(ref, read.value);
  }
  checkSecrets(config, { secretValue: values.get, report: keepOrReport });
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

function checkKeyPairs(
  config: GatewayConfig,
  { values, report }: { readonly values: ReferencedValues; readonly report: Report },
): void {
  for (const { cert, key, path } of keyPairs(config)) {
    const [certificates, privateKey] = [values.get(cert), values.get(key)];
    if (certificates === undefined || privateKey === undefined) continue;
    const problem = keyPairProblem(certificates, privateKey);
    if (problem !== undefined) report(path, `the file ${key.file} ${problem}`);
  }
}
