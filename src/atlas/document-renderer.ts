import type { Operation } from './catalog.ts';
import { COMMA, OPEN_BRACE, skipSpace, skipString, skipValue } from './json-scanner.ts';
import { prettyPrint } from './pretty.ts';
import type { PageOptions } from './query.ts';

const STATUS = Buffer.from('"status":200');
const COMMA_BYTE = Buffer.of(COMMA);

/** Adds `status` to an object, before the first member whose name follows it in the alphabet. */
function addStatus(object: Buffer): Buffer {
  const end = object.length - 1;
  let at = skipSpace(object, 1);
  if (at === end) return Buffer.concat([Buffer.of(OPEN_BRACE), STATUS, object.subarray(end)]);
  for (;;) {
    const nameEnd = skipString(object, at);
    if (object.toString('latin1', at + 1, nameEnd - 1) > 'status')
      return Buffer.concat([object.subarray(0, at), STATUS, COMMA_BYTE, object.subarray(at)]);
    const valueEnd = skipValue(object, skipSpace(object, skipSpace(object, nameEnd) + 1), 1);
    const next = skipSpace(object, valueEnd);
    if (next === end)
      return Buffer.concat([object.subarray(0, valueEnd), COMMA_BYTE, STATUS, object.subarray(end)]);
    at = skipSpace(object, next + 1);
  }
}

/** A response with `results` is its own envelope [documented]; anything else is wrapped [inferred]. */
function inEnvelope(document: Buffer, kind: Operation['kind']): Buffer {
  return kind === 'unpaged-list'
    ? addStatus(document)
    : Buffer.concat([Buffer.from('{"content":'), document, Buffer.from(',"status":200}')]);
}

/** Renders a valid JSON document as Atlas would send it. */
export function renderDocument(
  document: Buffer,
  kind: Operation['kind'],
  { envelope, pretty }: Pick<PageOptions, 'envelope' | 'pretty'>,
): Buffer {
  const body = envelope ? inEnvelope(document, kind) : document;
  return pretty ? prettyPrint(body) : body;
}
