import { isUtf8 } from 'node:buffer';
import { BAD, OPEN_BRACE, OPEN_BRACKET, skipSpace, skipValue } from './json-scanner.ts';
import type { BadListBody, Items } from './list-parser.ts';

/** A document as Atlas sent it, without the white space around it: the only item of `items`. */
export interface DocumentBody {
  readonly type: 'document';
  readonly items: Items;
}

/** What a body must be; a scalar is a boolean, a number, a string or null. */
export type ExpectedValue = 'object' | 'array' | 'scalar';

function isExpected(opening: number | undefined, expected: ExpectedValue): boolean {
  switch (expected) {
    case 'object':
      return opening === OPEN_BRACE;
    case 'array':
      return opening === OPEN_BRACKET;
    case 'scalar':
      return opening !== OPEN_BRACE && opening !== OPEN_BRACKET;
  }
}

/**
 * Parses a body that must be one JSON value of the expected type. It validates all of it without building objects, so that the memory it needs
 * in addition to the body is bounded for any input.
 */
export function parseDocument(body: Buffer, expected: ExpectedValue): DocumentBody | BadListBody {
  const bad = (what: string, at: number): BadListBody => ({
    type: 'bad',
    detail: `${what} at byte ${at} of ${body.length}`,
  });
  if (!isUtf8(body)) return { type: 'bad', detail: 'not UTF-8' };
  const from = skipSpace(body, 0);
  if (!isExpected(body[from], expected)) return bad(`not a JSON ${expected}`, from);
  const to = skipValue(body, from, 0);
  if (to === BAD) return bad('invalid JSON', from);
  if (skipSpace(body, to) !== body.length) return bad('trailing bytes', to);
  // Copied, because a view would keep a larger buffer in memory for as long as the document is cached.
  const bytes = Buffer.allocUnsafeSlow(to - from);
  body.copy(bytes, 0, from, to);
  return { type: 'document', items: { bytes, starts: Uint32Array.of(0, bytes.length + 1) } };
}
