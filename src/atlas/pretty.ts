const OBJECT = 0x7b; // {
const OBJECT_END = 0x7d; // }
const ARRAY = 0x5b; // [
const ARRAY_END = 0x5d; // ]
const COMMA = 0x2c;
const COLON = 0x3a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const NEWLINE = 0x0a;

/** An output buffer that grows by doubling. */
function createOutput(capacity: number) {
  let bytes = Buffer.allocUnsafe(capacity);
  let length = 0;
  const reserve = (more: number) => {
    if (length + more <= bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(bytes.length * 2, length + more));
    bytes.copy(grown, 0, 0, length);
    bytes = grown;
  };
  return {
    byte(value: number) {
      reserve(1);
      bytes[length++] = value;
    },
    run(source: Buffer, from: number, to: number) {
      reserve(to - from);
      length += source.copy(bytes, length, from, to);
    },
    newLine(level: number) {
      reserve(1 + 2 * level);
      bytes[length++] = NEWLINE;
      bytes.fill(SPACE, length, length + 2 * level);
      length += 2 * level;
    },
    contents: () => bytes.subarray(0, length),
  };
}

function stringEnd(json: Buffer, opening: number): number {
  let at = opening + 1;
  while (json[at] !== QUOTE) at += json[at] === BACKSLASH ? 2 : 1;
  return at + 1;
}

function skipWhitespace(json: Buffer, from: number): number {
  let at = from;
  while (at < json.length && (json[at] ?? 0) <= SPACE) at++;
  return at;
}

/** Writes the punctuation of JSON in Jackson's layout, with the open containers and the level as its state. */
function createPunctuation(output: ReturnType<typeof createOutput>) {
  const containers: number[] = [];
  let level = 0;
  return {
    open(opening: number) {
      output.byte(opening);
      containers.push(opening);
      if (opening === OBJECT) output.newLine(++level);
      else output.byte(SPACE);
    },
    empty(opening: number, closing: number) {
      output.byte(opening);
      output.byte(SPACE);
      output.byte(closing);
    },
    comma() {
      output.byte(COMMA);
      if (containers.at(-1) === OBJECT) output.newLine(level);
      else output.byte(SPACE);
    },
    colon() {
      output.byte(SPACE);
      output.byte(COLON);
      output.byte(SPACE);
    },
    close(closing: number) {
      containers.pop();
      if (closing === OBJECT_END) output.newLine(--level);
      else output.byte(SPACE);
      output.byte(closing);
    },
  };
}

/**
 * Formats valid JSON like Jackson's default pretty printer, which Atlas uses for `pretty=true`: object members on separate lines, two
 * spaces per level, `"name" : value`; arrays stay on one line and add no level, `[ 1, 2 ]`; empty containers are `{ }` and `[ ]`.
 */
export function prettyPrint(json: Buffer): Buffer {
  const output = createOutput(Math.ceil(json.length * 1.5) + 64);
  const punctuation = createPunctuation(output);
  let at = skipWhitespace(json, 0);
  while (at < json.length) {
    const byte = json[at] ?? 0;
    let next = at + 1;
    switch (byte) {
      case OBJECT:
      case ARRAY: {
        const closing = byte === OBJECT ? OBJECT_END : ARRAY_END;
        const inside = skipWhitespace(json, next);
        if (json[inside] === closing) {
          punctuation.empty(byte, closing);
          next = inside + 1;
        } else punctuation.open(byte);
        break;
      }
      case COMMA:
        punctuation.comma();
        break;
      case OBJECT_END:
      case ARRAY_END:
        punctuation.close(byte);
        break;
      case COLON:
        punctuation.colon();
        break;
      case QUOTE:
        next = stringEnd(json, at);
        output.run(json, at, next);
        break;
      default:
        output.byte(byte);
    }
    at = skipWhitespace(json, next);
  }
  return output.contents();
}
