import { keyPairProblem } from './certificate-check.ts';
import type { Path } from './config-error.ts';
import { contentProblem, fileRefs, keyPairs, secretRefs } from './file-refs.ts';
import type { GatewayConfig, SecretRef } from './schema.ts';
import { checkSecrets } from './secret-checks.ts';
import { readSecret, type SecretSources } from './secrets.ts';

/** Values by reference; equal references have one value. */
export interface ReferencedValues {
  get(ref: SecretRef): string | undefined;
  set(ref: SecretRef, value: string): void;
}

type Report = (path: Path, message: string) => void;

/** Reads every secret and file that a configuration references, and reports those that cannot be read or used. */
export function readReferences(
  config: GatewayConfig,
  { sources, report }: { readonly sources: SecretSources; readonly report: Report },
): ReferencedValues {
  const values = createReferencedValues();
  for (const { ref, path } of secretRefs(config)) {
    const read = readSecret(ref, sources, { isOneWord: path[0] === 'credentials' });
    if ('problem' in read) report(path, read.problem);
    else values.set(ref, read.value);
  }
  checkSecrets(config, { secretValue: values.get, report });
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
