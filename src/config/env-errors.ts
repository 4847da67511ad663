import type { Problem, Raw } from './config-error.ts';
import { show } from './config-error.ts';
import { applyOverrides, type Environment } from './env-overrides.ts';
import { configSchema } from './schema.ts';
import { issueProblems } from './schema-issues.ts';

/** Problems of the variables that override settings, if the configuration file itself cannot be read. */
export function environmentProblems(env: Environment): Problem[] {
  const raw: Raw = {};
  const { problems, overridden } = applyOverrides(raw, env);
  const issues = configSchema.safeParse(raw).error?.issues ?? [];
  const ofValues = issues
    .flatMap((issue) => issueProblems(issue, raw))
    .flatMap(({ path, message }): Problem[] => {
      const variable = overridden.get(show(path));
      // Missing settings may be in the unreadable file.
      return variable === undefined ? [] : [{ file: 'environment', setting: variable, message }];
    });
  return [...problems, ...ofValues];
}
