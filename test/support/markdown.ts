import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Folders whose pages are not the project's own. */
const FOREIGN = new Set(['node_modules', 'dist', 'bin', 'coverage', 'sbom']);

export interface Page {
  /** Relative to the repository. */
  readonly path: string;
  readonly text: string;
}

function pathsIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory())
      return FOREIGN.has(entry.name) || entry.name.startsWith('.') ? [] : pathsIn(join(folder, entry.name));
    return entry.name.endsWith('.md') ? [join(folder, entry.name)] : [];
  });
}

/** All Markdown pages of the repository. */
export const pages: readonly Page[] = pathsIn('.').map((path) => ({
  path,
  text: readFileSync(path, 'utf8'),
}));

/** A page without its code blocks and code spans, in which neither links nor headings count. */
export const withoutCode = (text: string): string =>
  text
    .replaceAll(/^( *)```[\s\S]*?^\1```$/gm, '')
    .replaceAll(/`[^`\n]+`/g, (span) => span.slice(1, -1).replaceAll(/[[\]]/g, ''));

export interface ShellBlock {
  /** The line of its fence, from 1. */
  readonly line: number;
  readonly code: string;
  /** The text before it, without blank lines at its end. */
  readonly before: string;
}

/** The shell blocks of a page. */
export const shellBlocks = (text: string): readonly ShellBlock[] =>
  [...text.matchAll(/^( *)```(?:sh|bash|shell|console)\n([\s\S]*?)^\1```$/gm)].map(
    ({ index, 2: code = '' }) => {
      const before = text.slice(0, index);
      return { line: before.split('\n').length, code, before: before.trimEnd() };
    },
  );
