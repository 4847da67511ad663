/** A digest challenge the gateway can answer (RFC 7616 section 3.3). */
export interface DigestChallenge {
  readonly realm: string;
  readonly nonce: string;
  readonly opaque?: string;
  readonly algorithm: 'MD5' | 'SHA-256';
  readonly stale: boolean;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+/;
const QUOTED = /^"((?:[^"\\]|\\.)*)"/;

interface Challenge {
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

/** Every challenge of a `WWW-Authenticate` value (RFC 9110 section 11.6.1), several of them and commas in quotes included. */
function splitChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  let rest = header.slice(0, 8_192);
  for (;;) {
    rest = rest.replace(/^[\s,]+/, '');
    const word = TOKEN.exec(rest)?.[0];
    if (word === undefined) return challenges;
    const afterWord = rest.slice(word.length).trimStart();
    if (!afterWord.startsWith('=')) {
      challenges.push({ scheme: word.toLowerCase(), parameters: new Map() });
      rest = afterWord;
      continue;
    }
    const afterEquals = afterWord.slice(1).trimStart();
    const quoted = QUOTED.exec(afterEquals);
    const value = quoted?.[1]?.replace(/\\(.)/g, '$1') ?? TOKEN.exec(afterEquals)?.[0];
    if (value === undefined) return challenges;
    challenges.at(-1)?.parameters.set(word.toLowerCase(), value);
    rest = afterEquals.slice(quoted?.[0].length ?? value.length);
  }
}

function answerable({ scheme, parameters }: Challenge): DigestChallenge | undefined {
  const nonce = parameters.get('nonce');
  const algorithm = (parameters.get('algorithm') ?? 'MD5').toUpperCase();
  const qops = (parameters.get('qop') ?? '').split(',').map((qop) => qop.trim().toLowerCase());
  if (scheme !== 'digest' || nonce === undefined || !qops.includes('auth')) return undefined;
  if (algorithm !== 'MD5' && algorithm !== 'SHA-256') return undefined;
  const opaque = parameters.get('opaque');
  return {
    realm: parameters.get('realm') ?? '',
    nonce,
    algorithm,
    stale: parameters.get('stale')?.toLowerCase() === 'true',
    ...(opaque === undefined ? {} : { opaque }),
  };
}

/** The strongest digest challenge of a `WWW-Authenticate` value with `qop=auth`; undefined where there is none. */
export function readChallenge(header: string | undefined): DigestChallenge | undefined {
  const found = splitChallenges(header ?? '').flatMap((challenge) => answerable(challenge) ?? []);
  return found.find(({ algorithm }) => algorithm === 'SHA-256') ?? found[0];
}
