import { isUtf8 } from 'node:buffer';
import { BAD, OPEN_BRACE, OPEN_BRACKET, skipSpace, skipValue } from './json-scanner.ts';
import type { BadListBody, Items } from './list-parser.ts';

/** A document as Atlas sent it, without the white space around it: the only item of `items`. */
export interface DocumentBody {
  readonly type: 'document';
  readonly items: Items;
}

/** The kind of JSON value that a document is. `scalar`: a string, number or boolean. */
export type DocumentValue = 'object' | 'array' | 'scalar';

function valueAt(body: Buffer, from: number): DocumentValue {
  switch (body[from]) {
    case OPEN_BRACE:
      return 'object';
    case OPEN_BRACKET:
      return 'array';
    default:
      return 'scalar';
  }
}

/**
 * Parses a body that must be one JSON value of a kind. It validates all of it without building objects, so that the memory it needs
 * in addition to the body is bounded for any input.
 */
export function parseDocument(body: Buffer, expected: DocumentValue): DocumentBody | BadListBody {
  const bad = (what: string, at: number): BadListBody => ({
    type: 'bad',
    detail: `${what} at byte ${at} of ${body.length}`,
  });
  if (!isUtf8(body)) return { type: 'bad', detail: 'not UTF-8' };
  const from = skipSpace(body, 0);
  if (valueAt(body, from) !== expected) return bad(`not a JSON ${expected}`, from);
  const to = skipValue(body, from, 0);
  if (to === BAD) return bad('invalid JSON', from);
  if (skipSpace(body, to) !== body.length) return bad('trailing bytes', to);
  // Copied, because a view would keep a larger buffer in memory for as long as the document is cached.
  const bytes = Buffer.allocUnsafeSlow(to - from);
  body.copy(bytes, 0, from, to);
  return { type: 'document', items: { bytes, starts: Uint32Array.of(0, bytes.length + 1) } };
}
