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

/**
 * Formats valid JSON like Jackson's default pretty printer, which Atlas uses for `pretty=true`: object members on separate lines, two
 * spaces per level, `"name" : value`; arrays stay on one line and add no level, `[ 1, 2 ]`; empty containers are `{ }` and `[ ]`.
 */
export function prettyPrint(json: Buffer): Buffer {
  const output = createOutput(Math.ceil(json.length * 1.5) + 64);
  const containers: number[] = [];
  let level = 0;
  let at = skipWhitespace(json, 0);
  while (at < json.length) {
    const byte = json[at] ?? 0;
    switch (byte) {
      case 0x7b: // {
      case 0x5b: {
        // [
        output.byte(byte);
        const next = skipWhitespace(json, at + 1);
        if (json[next] === byte + 2) {
          output.byte(SPACE);
          output.byte(byte + 2);
          at = next + 1;
          break;
        }
        containers.push(byte);
        if (byte === 0x7b) output.newLine(++level);
        else output.byte(SPACE);
        at++;
        break;
      }
      case 0x2c: // ,
        output.byte(byte);
        if (containers.at(-1) === 0x7b) output.newLine(level);
        else output.byte(SPACE);
        at++;
        break;
      case 0x7d: // }
        containers.pop();
        output.newLine(--level);
        output.byte(byte);
        at++;
        break;
      case 0x5d: // ]
        containers.pop();
        output.byte(SPACE);
        output.byte(byte);
        at++;
        break;
      case 0x3a: // :
        output.byte(SPACE);
        output.byte(byte);
        output.byte(SPACE);
        at++;
        break;
      case QUOTE: {
        const end = stringEnd(json, at);
        output.run(json, at, end);
        at = end;
        break;
      }
      default:
        output.byte(byte);
        at++;
    }
    at = skipWhitespace(json, at);
  }
  return output.contents();
}
