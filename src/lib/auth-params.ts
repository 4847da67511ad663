/** Parameters of credentials or of a challenge (RFC 9110 section 11.2), by name in lower case. */
export type AuthParams = ReadonlyMap<string, string>;

/** One challenge of a `WWW-Authenticate` value, its scheme in lower case. */
export interface AuthChallenge {
  readonly scheme: string;
  readonly parameters: AuthParams;
}

const MAX_CHALLENGES = 16;
const SPACE = 0x20;
// Sticky: each matches only at the scanner's position.
const SPACES = /[ \t]*/y;
const SEPARATORS = /[\s,]*/y;
const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const EQUALS = /=/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
/** Wider than a token, because some clients send `uri` without quotes. */
const UNQUOTED = /[^\s,"]+/y;

/** Scans a text without ever moving back, so that parsing time is linear in the length of the text. */
function createScanner(text: string) {
  let at = 0;
  return {
    /** Returns the match of `pattern` at the scanner's position, or its group, and moves past it. */
    take(pattern: RegExp): string | undefined {
      pattern.lastIndex = at;
      const match = pattern.exec(text);
      if (match === null) return undefined;
      at = pattern.lastIndex;
      return match[1] ?? match[0];
    },
    get atEnd() {
      return at === text.length;
    },
  };
}
type Scanner = ReturnType<typeof createScanner>;

/** A quoted string without its quotes and escapes, or an unquoted value. */
function takeValue(scanner: Scanner): string | undefined {
  const quoted = scanner.take(QUOTED);
  return quoted === undefined ? scanner.take(UNQUOTED) : quoted.replace(/\\(.)/g, '$1');
}

type Part =
  | { readonly type: 'scheme'; readonly name: string }
  | { readonly type: 'parameter'; readonly name: string; readonly value: string };

/** A scheme, or a parameter with its value; undefined if the text is malformed. */
function takePart(scanner: Scanner): Part | undefined {
  const name = scanner.take(TOKEN)?.toLowerCase();
  if (name === undefined) return undefined;
  scanner.take(SPACES);
  if (scanner.take(EQUALS) === undefined) return { type: 'scheme', name };
  scanner.take(SPACES);
  const value = takeValue(scanner);
  return value === undefined ? undefined : { type: 'parameter', name, value };
}

/** The credentials after a case-insensitive scheme and one or more spaces (RFC 9110 section 11.4); undefined for another scheme. */
export function credentialsOf(scheme: string, authorization: string): string | undefined {
  if (authorization.charCodeAt(scheme.length) !== SPACE) return undefined;
  if (authorization.slice(0, scheme.length).toLowerCase() !== scheme) return undefined;
  let start = scheme.length + 1;
  while (authorization.charCodeAt(start) === SPACE) start++;
  return authorization.slice(start);
}

/** The parameters of credentials, separated by commas or spaces; undefined if the text is malformed or a name appears twice. */
export function parseAuthParams(text: string): AuthParams | undefined {
  const scanner = createScanner(text);
  const parameters = new Map<string, string>();
  for (;;) {
    scanner.take(SEPARATORS);
    if (scanner.atEnd) return parameters;
    const part = takePart(scanner);
    if (part?.type !== 'parameter' || parameters.has(part.name)) return undefined;
    parameters.set(part.name, part.value);
  }
}

/** The first challenges of a `WWW-Authenticate` value (RFC 9110 section 11.6.1), up to the first malformed one. */
export function parseChallenges(header: string): readonly AuthChallenge[] {
  const scanner = createScanner(header);
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  for (;;) {
    scanner.take(SEPARATORS);
    const part = takePart(scanner);
    switch (part?.type) {
      case undefined:
        return challenges;
      case 'scheme':
        if (challenges.length === MAX_CHALLENGES) return challenges;
        challenges.push({ scheme: part.name, parameters: new Map() });
        break;
      case 'parameter':
        challenges.at(-1)?.parameters.set(part.name, part.value);
    }
  }
}
