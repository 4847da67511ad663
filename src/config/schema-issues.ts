import type { z } from 'zod';
import { didYouMean } from '../lib/suggest.ts';
import type { Path } from './config-error.ts';
import { configSchema } from './schema.ts';

/** Converts a Zod issue into problems in terms of this configuration. */
export function issueProblems(issue: z.core.$ZodIssue, raw: unknown): { path: Path; message: string }[] {
  if (issue.code === 'unrecognized_keys') {
    const names = allowedKeys(issue.path);
    return issue.keys.map((key) => ({
      path: [...issue.path, key],
      message: `is not a known setting${didYouMean(key, names)}`,
    }));
  }
  const value = issue.path.reduce<unknown>(
    (at, part) =>
      typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[part] : undefined,
    raw,
  );
  const missing =
    value === undefined && issue.code === 'invalid_type' && issue.message.startsWith('Invalid input');
  return [{ path: issue.path, message: missing ? 'is missing' : inWords(issue, value) }];
}

/** The schema's own message, or a replacement for Zod's default message. */
function inWords(issue: z.core.$ZodIssue, value: unknown): string {
  if (!/^(Invalid|Too (small|big))\b/.test(issue.message)) return issue.message;
  if (value === null || value === '' || (Array.isArray(value) && value.length === 0))
    return 'is empty; write a value, or remove it';
  switch (issue.code === 'invalid_type' ? issue.expected : issue.code) {
    case 'object':
    case 'record':
      return 'must be a mapping; write its settings on the lines below it, indented';
    case 'array':
      return 'must be a list; write each entry on its own line, after a dash';
    case 'string':
      return 'must be a string; quote it if it looks like a number';
    default:
      return 'has an invalid value; see docs/configuration.md';
  }
}

/** Names of the settings at a path, for suggestions. */
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
