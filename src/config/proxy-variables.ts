import type { Environment } from './env-overrides.ts';

/** The value of a variable in lower or upper case; like curl, the lower case takes precedence. */
function nameOf(env: Environment, variable: string): string | undefined {
  return [variable.toLowerCase(), variable].find((name) => env[name] !== undefined);
}

/** Whether an entry of `NO_PROXY` names a host: a domain with its subdomains, `*`, or either with a port. */
function names(entry: string, { hostname, port }: URL): boolean {
  const [, domain = '', entryPort] = /^(?:\*?\.)?(.*?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
  if (entryPort !== undefined && entryPort !== (port || '443')) return false;
  const host = hostname.toLowerCase();
  return domain === '*' || host === domain || (domain !== '' && host.endsWith(`.${domain}`));
}

/**
 * The variable that names the proxy for a URL, `HTTPS_PROXY` or `https_proxy`; undefined if there is none, or if `NO_PROXY` excludes
 * its host. Plain http is for loopback hosts only, which no proxy reaches.
 */
export function proxyVariable(text: string, env: Environment): string | undefined {
  const url = new URL(text);
  const variable = nameOf(env, 'HTTPS_PROXY');
  if (url.protocol !== 'https:' || variable === undefined || env[variable] === '') return undefined;
  const exceptions = env[nameOf(env, 'NO_PROXY') ?? ''] ?? '';
  const isExcluded = exceptions.split(/[\s,]+/).some((entry) => entry !== '' && names(entry, url));
  return isExcluded ? undefined : variable;
}
