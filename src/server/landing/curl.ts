import type { Operation } from '../../atlas/catalog.ts';

/** The latest version that is not a preview, or the preview if there is nothing else. */
export const latestVersion = ({ versions }: Pick<Operation, 'versions'>): string =>
  versions.findLast(({ name }) => name !== 'preview')?.name ?? 'preview';

/** A shell command that reads an operation; parameters and the key are variables of the shell. */
export function curlOf(operation: Operation, publicUrl: string): string {
  const path = operation.path.replace(/\{([^}]+)\}/g, (_whole, name: string) => `\${${variable(name)}}`);
  const required = operation.queryParameters
    .filter((parameter) => parameter.required === true)
    .map(({ name }) => `${name}=\${${variable(name)}}`);
  const query = required.length === 0 ? '' : `?${required.join('&')}`;
  return [
    `curl "${publicUrl}${path}${query}"`,
    `-H 'Accept: application/vnd.atlas.${latestVersion(operation)}+json'`,
    '-H "Authorization: Bearer $ATLAS_GATEWAY_KEY"',
  ].join(' ');
}

/** A parameter's name as a variable of the shell. */
const variable = (name: string) => name.replace(/\W/g, '_');
