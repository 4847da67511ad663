import { type Document, isAlias, isScalar, LineCounter, type ParsedNode, parseDocument, visit } from 'yaml';
import { isRecord } from '../lib/record.ts';
import type { Path, Problem, Raw } from './config-error.ts';
import { lineOf } from './line-of.ts';
import { DUPLICATE_KEY, yamlProblems } from './yaml-errors.ts';

/** The parsed but not yet validated file with the line of each setting, or its YAML errors. */
export type ReadYaml =
  | { readonly ok: true; readonly raw: Raw; readonly lineOf: (path: Path) => number }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** What a file contains, and the setting it usually begins with, for messages. */
interface YamlKind {
  readonly name: string;
  readonly firstSetting: string;
}

const CONFIGURATION: YamlKind = { name: 'configuration', firstSetting: 'credentials' };

/** Far larger than any configuration; larger files are not parsed. */
const MAX_LENGTH = 1_048_576;

type YamlDocument = Document.Parsed<ParsedNode>;

/**
 * Parses the text of a configuration file. Never throws: the YAML library returns most errors as values, but throws on aliases
 * without an anchor, on too many aliases, on merges of values that are not mappings, and if nesting exhausts the stack.
 */
export function readYaml(file: string, text: string, kind: YamlKind = CONFIGURATION): ReadYaml {
  const problem = (message: string, line = 1): ReadYaml => ({
    ok: false,
    problems: [{ file, line, setting: '', message }],
  });
  if (text.length > MAX_LENGTH)
    return problem(`is larger than ${MAX_LENGTH} characters; check that it is the ${kind.name}`);
  const lines = new LineCounter();
  let document: YamlDocument;
  try {
    document = parseDocument(text, { lineCounter: lines, logLevel: 'error', uniqueKeys: false });
  } catch {
    return problem(`is not valid YAML and cannot be parsed; check that it is the ${kind.name}`);
  }
  if (document.errors.length > 0)
    return {
      ok: false,
      problems: yamlProblems(document.errors, lines).map((one) => ({ file, setting: '', ...one })),
    };
  const repeated = repeatedKeys(document);
  if (repeated.length > 0)
    return {
      ok: false,
      problems: repeated.map((offset) => ({
        file,
        line: lines.linePos(offset).line,
        setting: '',
        message: `is not valid YAML: ${DUPLICATE_KEY}`,
      })),
    };
  let parsed: unknown;
  try {
    parsed = document.toJS();
  } catch {
    const dangling = danglingAlias(document);
    if (dangling !== undefined)
      return problem(
        `*${dangling.name} refers to an undefined anchor; quote the value if it begins with *, or write &${dangling.name} where it is defined`,
        lines.linePos(dangling.offset).line,
      );
    return problem(
      'is not valid YAML: its aliases (*) or merges (<<) cannot be resolved; write the values out instead',
    );
  }
  if (!isRecord(parsed)) return problem(`must be a mapping of settings; begin with ${kind.firstSetting}:`);
  const { contents } = document;
  return { ok: true, raw: parsed, lineOf: (path) => lineOf(contents, path, lines) };
}

/** Offsets of duplicate keys, in the order of the file. The library's own check compares each key with all others of its mapping, which blocks for minutes. */
function repeatedKeys(document: YamlDocument): number[] {
  const offsets: number[] = [];
  visit(document, {
    Map(_key, { items }) {
      const seen = new Set<string>();
      for (const { key } of items) {
        const name = String(key);
        if (seen.has(name) && isScalar(key)) offsets.push(key.range?.[0] ?? 0);
        seen.add(name);
      }
    },
  });
  // A mapping is visited before the ones inside it, wherever its own duplicates are.
  return offsets.sort((one, other) => one - other);
}

/** The first alias without a preceding anchor. */
function danglingAlias(document: YamlDocument): { name: string; offset: number } | undefined {
  let found: { name: string; offset: number } | undefined;
  visit(document, {
    Alias(_key, alias) {
      if (!isAlias(alias) || alias.resolve(document) !== undefined) return undefined;
      found = { name: alias.source, offset: alias.range?.[0] ?? 0 };
      return visit.BREAK;
    },
  });
  return found;
}
