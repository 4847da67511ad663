export interface Entry {
  readonly kind: 'id' | 'file' | 'phrase';
  readonly word: string;
  /** What to write instead; empty where the entry names nothing. */
  readonly hint: string;
}
export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly word: string;
  readonly hint: string;
}
export function readEntries(text: string): Entry[];
export function separate(
  source: string,
  options?: { readonly jsx?: boolean },
): { code: string; prose: string };
export function findWords(path: string, source: string, entries: readonly Entry[]): Finding[];
export function describeFinding(finding: Finding): string;
