import { z } from 'zod';
import { isRecord, memberOf } from '../lib/record.ts';
import type { Path, Raw } from './config-error.ts';
import { configSchema, type GatewayConfig } from './schema.ts';

/** The valid settings of a configuration, so that they can be cross-checked even if others are invalid. */
export interface ValidPart {
  readonly config: GatewayConfig;
  /** Path in the file of a setting of `config`: removing invalid list entries shifts the indexes of later ones. */
  pathInFile(path: Path): Path;
  /** Whether nothing was removed at a path of the file, above it or below it. */
  isWhole(path: Path): boolean;
}

/** Makes the only required setting optional, so that parsing the remainder always succeeds. */
const lenientSchema = configSchema.extend({
  credentials: z.array(configSchema.shape.credentials.element).default([]),
});

/** A configuration without problems. */
export const wholeConfig = (config: GatewayConfig): ValidPart => ({
  config,
  pathInFile: (path) => path,
  isWhole: () => true,
});

/** Paths of the settings that a schema issue concerns. */
const pathsOf = (issue: z.core.$ZodIssue): Path[] =>
  issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];

/** Removes the settings with issues and, while the remainder is incomplete, the mappings that enclose them. */
export function validPartOf(raw: Raw, issues: readonly z.core.$ZodIssue[]): ValidPart {
  const invalid: Path[] = issues.flatMap((issue) => pathsOf(issue).map((path) => presentPath(raw, path)));
  for (;;) {
    const { value, pathInFile } = without(raw, invalid);
    const parsed = lenientSchema.safeParse(value);
    if (parsed.success)
      return {
        config: parsed.data,
        pathInFile,
        isWhole: (path) => invalid.every((bad) => !beginsWith(bad, path) && !beginsWith(path, bad)),
      };
    for (const path of parsed.error.issues.flatMap(pathsOf))
      invalid.push(pathInFile(presentPath(value, path)));
  }
}

const beginsWith = (path: Path, start: Path): boolean =>
  start.every((part, index) => String(part) === String(path[index]));

/** The path or, if the setting is missing, the path of the nearest existing ancestor. */
function presentPath(value: unknown, path: Path): Path {
  let at = value;
  for (const [depth, part] of path.entries()) {
    at = memberOf(at, part);
    if (at === undefined) return path.slice(0, depth);
  }
  return path;
}

/** Returns a copy without the settings at the given paths. */
function without(raw: Raw, paths: readonly Path[]): { value: unknown; pathInFile: ValidPart['pathInFile'] } {
  const removed = new Set(paths.map((path) => JSON.stringify(path)));
  /** By path of a list in the file: the indexes of the entries that the copy contains. */
  const entries = new Map<string, number[]>();
  const isRemoved = (path: Path) => removed.has(JSON.stringify(path));
  const copy = (value: unknown, path: Path): unknown => {
    if (Array.isArray(value)) {
      const indexes = value.map((_entry, index) => index).filter((index) => !isRemoved([...path, index]));
      entries.set(JSON.stringify(path), indexes);
      return indexes.map((index) => copy(value[index], [...path, index]));
    }
    if (!isRecord(value)) return value;
    const members = Object.entries(value).filter(([name]) => !isRemoved([...path, name]));
    return Object.fromEntries(members.map(([name, member]) => [name, copy(member, [...path, name])]));
  };
  const pathInFile = (path: Path): Path => {
    const inFile: PropertyKey[] = [];
    for (const part of path) inFile.push(entries.get(JSON.stringify(inFile))?.[Number(part)] ?? part);
    return inFile;
  };
  return { value: isRemoved([]) ? {} : copy(raw, []), pathInFile };
}
