import { z } from 'zod';
import { isRaw, type Path, type Raw } from './config-error.ts';
import { configSchema, type GatewayConfig } from './schema.ts';

/** The settings of a configuration that are valid, so that they can be checked against each other while others are wrong. */
export interface ValidPart {
  readonly config: GatewayConfig;
  /** Where a setting of `config` is in the file: where entries of a list were left out, the later ones have moved. */
  pathInFile(path: Path): Path;
  /** Whether nothing was left out at a path of the file, above it or below it. */
  isWhole(path: Path): boolean;
}

/** Without its only needed setting, so that what is left can always be parsed. */
const lenientSchema = configSchema.extend({
  credentials: z.array(configSchema.shape.credentials.element).default([]),
});

/** The whole of a configuration without a mistake. */
export const wholeConfig = (config: GatewayConfig): ValidPart => ({
  config,
  pathInFile: (path) => path,
  isWhole: () => true,
});

/** Where a setting is that an issue of the schema's is about; the first one, where it is about several unknown names. */
const pathsOf = (issue: z.core.$ZodIssue): Path[] =>
  issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];

/** Leaves out what the issues are about and then, as long as that leaves something incomplete, the mapping around it. */
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

const memberOf = (value: unknown, part: PropertyKey): unknown =>
  Array.isArray(value) ? value[Number(part)] : isRaw(value) ? value[String(part)] : undefined;

/** The path, or where nothing is there, as for a setting that is missing, the nearest one around it. */
function presentPath(value: unknown, path: Path): Path {
  let at = value;
  for (const [depth, part] of path.entries()) {
    at = memberOf(at, part);
    if (at === undefined) return path.slice(0, depth);
  }
  return path;
}

/** A copy without the settings at some paths. */
function without(raw: Raw, paths: readonly Path[]): { value: unknown; pathInFile: ValidPart['pathInFile'] } {
  const left = new Set(paths.map((path) => JSON.stringify(path)));
  /** By path of a list in the file: which of its entries are in the copy. */
  const entries = new Map<string, number[]>();
  const isLeftOut = (path: Path) => left.has(JSON.stringify(path));
  const copy = (value: unknown, path: Path): unknown => {
    if (Array.isArray(value)) {
      const indexes = value.map((_entry, index) => index).filter((index) => !isLeftOut([...path, index]));
      entries.set(JSON.stringify(path), indexes);
      return indexes.map((index) => copy(value[index], [...path, index]));
    }
    if (!isRaw(value)) return value;
    const members = Object.entries(value).filter(([name]) => !isLeftOut([...path, name]));
    return Object.fromEntries(members.map(([name, member]) => [name, copy(member, [...path, name])]));
  };
  const pathInFile = (path: Path): Path => {
    const inFile: PropertyKey[] = [];
    for (const part of path) inFile.push(entries.get(JSON.stringify(inFile))?.[Number(part)] ?? part);
    return inFile;
  };
  return { value: isLeftOut([]) ? {} : copy(raw, []), pathInFile };
}
