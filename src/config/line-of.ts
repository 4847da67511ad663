import { isMap, isSeq, type LineCounter, type ParsedNode, type YAMLMap, type YAMLSeq } from 'yaml';
import type { Path } from './config-error.ts';

/** Line of the setting at a path, or of the nearest enclosing setting in the file. */
export function lineOf(contents: ParsedNode | null, path: Path, lines: LineCounter): number {
  let node: ParsedNode | null | undefined = contents;
  let offset = contents?.range[0] ?? 0;
  for (const part of path) {
    const next: Place | undefined = isMap(node)
      ? memberAt(node, part)
      : isSeq(node)
        ? itemAt(node, part)
        : undefined;
    if (next === undefined) break;
    offset = next.offset;
    node = next.value;
  }
  return lines.linePos(offset).line;
}

interface Place {
  readonly offset: number;
  readonly value: ParsedNode | null;
}

function memberAt(map: YAMLMap.Parsed, name: PropertyKey): Place | undefined {
  const member = map.items.find(({ key }) => String(key) === String(name));
  return member === undefined ? undefined : { offset: member.key.range[0], value: member.value };
}

function itemAt(sequence: YAMLSeq.Parsed, index: PropertyKey): Place | undefined {
  const value = sequence.items[Number(index)];
  return value === undefined ? undefined : { offset: value.range[0], value };
}
