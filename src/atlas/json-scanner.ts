/** Deeper nesting than in any Atlas response; a body that exceeds it is hostile. */
const MAX_DEPTH = 64;

export const QUOTE = 0x22;
const BACKSLASH = 0x5c;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const OPEN_BRACE = 0x7b;
export const CLOSE_BRACE = 0x7d;
export const OPEN_BRACKET = 0x5b;
export const CLOSE_BRACKET = 0x5d;
const LITERALS = [Buffer.from('true'), Buffer.from('false'), Buffer.from('null')];
/** Returned instead of an end index for an invalid value. */
export const BAD = -1;

const isSpace = (byte: number | undefined) =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
const isDigit = (byte: number | undefined) => byte !== undefined && byte >= 0x30 && byte <= 0x39;

/** The index of the first byte from `from` on that is not white space. */
export function skipSpace(body: Buffer, from: number): number {
  let at = from;
  while (isSpace(body[at])) at++;
  return at;
}

function isHex(body: Buffer, from: number): boolean {
  for (let at = from; at < from + 4; at++) {
    const byte = body[at] ?? 0;
    if (!(isDigit(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66))) return false;
  }
  return true;
}

/** The index after the string that opens at `opening`, or BAD. */
export function skipString(body: Buffer, opening: number): number {
  for (let at = opening + 1; at < body.length; at++) {
    const byte = body[at] ?? 0;
    if (byte === QUOTE) return at + 1;
    if (byte < 0x20) return BAD;
    if (byte === BACKSLASH) {
      at++;
      switch (body[at]) {
        case 0x75: // u
          if (!isHex(body, at + 1)) return BAD;
          at += 4;
          break;
        case QUOTE:
        case BACKSLASH:
        case 0x2f: // /
        case 0x62: // b
        case 0x66: // f
        case 0x6e: // n
        case 0x72: // r
        case 0x74: // t
          break;
        default:
          return BAD;
      }
    }
  }
  return BAD;
}

function skipDigits(body: Buffer, from: number): number {
  let at = from;
  while (isDigit(body[at])) at++;
  return at === from ? BAD : at;
}

function skipNumber(body: Buffer, from: number): number {
  let at = body[from] === 0x2d ? from + 1 : from;
  at = body[at] === 0x30 ? at + 1 : skipDigits(body, at);
  if (at !== BAD && body[at] === 0x2e) at = skipDigits(body, at + 1);
  if (at !== BAD && (body[at] === 0x65 || body[at] === 0x45)) {
    at++;
    if (body[at] === 0x2b || body[at] === 0x2d) at++;
    at = skipDigits(body, at);
  }
  return at;
}

function skipLiteral(body: Buffer, from: number): number {
  for (const literal of LITERALS) {
    const end = from + literal.length;
    if (end <= body.length && literal.compare(body, from, end) === 0) return end;
  }
  return BAD;
}

function skipMembers(body: Buffer, opening: number, depth: number, named: boolean): number {
  if (depth > MAX_DEPTH) return BAD;
  const close = named ? CLOSE_BRACE : CLOSE_BRACKET;
  let at = skipSpace(body, opening + 1);
  if (body[at] === close) return at + 1;
  for (;;) {
    if (named) {
      if (body[at] !== QUOTE) return BAD;
      at = skipString(body, at);
      if (at === BAD) return BAD;
      at = skipSpace(body, at);
      if (body[at] !== COLON) return BAD;
      at = skipSpace(body, at + 1);
    }
    at = skipValue(body, at, depth);
    if (at === BAD) return BAD;
    at = skipSpace(body, at);
    if (body[at] === close) return at + 1;
    if (body[at] !== COMMA) return BAD;
    at = skipSpace(body, at + 1);
  }
}

/** The index after the JSON value (RFC 8259) that starts at `from`, or BAD. Builds nothing. */
export function skipValue(body: Buffer, from: number, depth: number): number {
  switch (body[from]) {
    case QUOTE:
      return skipString(body, from);
    case OPEN_BRACE:
      return skipMembers(body, from, depth + 1, true);
    case OPEN_BRACKET:
      return skipMembers(body, from, depth + 1, false);
    case 0x74:
    case 0x66:
    case 0x6e:
      return skipLiteral(body, from);
    default:
      return skipNumber(body, from);
  }
}
