import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCatalog } from '../../src/atlas/catalog.ts';
import { resolveQuery } from '../../src/atlas/query.ts';
import { resolveVersion } from '../../src/atlas/version.ts';
import { createAccess } from '../../src/gateway/auth/authentication.ts';
import { createNonceStore } from '../../src/gateway/auth/digest-auth.ts';
import { createIssuerKeys, fetchKeySet } from '../../src/gateway/auth/issuer-keys.ts';
import { createTokens } from '../../src/gateway/auth/token-service.ts';
import { parseCacheDirectives } from '../../src/gateway/cache-directives.ts';
import { parseAuthParams, parseChallenges } from '../../src/lib/auth-params.ts';
import { chooseCoding, matchesEtag } from '../../src/lib/content-coding.ts';
import { parseHttpDate } from '../../src/lib/http-date.ts';
import { createSystemRandom } from '../../src/lib/random.ts';
import { isCrossSite, namesThisListener } from '../../src/server/admin/origin-check.ts';
import { checkEdge } from '../../src/server/edge.ts';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { readChallenge } from '../../src/upstream/auth/digest-challenge.ts';
import { readCount } from '../../src/upstream/budget/rate-limit-messages.ts';
import { readRetryAfter } from '../../src/upstream/retry-after.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { lists as operations } from '../support/lists.ts';
import { NO_HEADERS } from '../support/no-headers.ts';
import { raw } from '../support/raw.ts';
import { ACCEPT, linksOf, type Running, startGateway } from '../support/running.ts';

const clock = createFakeClock();
const random = createSystemRandom();
const catalog = createCatalog(operations);
const [operation] = operations;
if (operation === undefined) throw new Error('the catalog is empty');
const tokens = createTokens({ signingKey: random.bytes(32) }, { clock, random });
const access = createAccess(
  { callers: [], issuers: [], rules: [] },
  {
    nonceStore: createNonceStore({ clock, random }),
    tokens,
    issuerKeys: createIssuerKeys({ clock, fetchSet: fetchKeySet }),
    clock,
  },
);
const authenticate = (authorization: string) =>
  access.authenticate(authorization, { method: 'GET', target: '/' });

/** All parsers of untrusted input and of Atlas's responses, by input. */
const PARSERS: Readonly<Record<string, (text: string) => unknown>> = {
  'Authorization: Digest': (text) => authenticate(`Digest ${text}`),
  'Authorization: Bearer': (text) => authenticate(`Bearer ${text}`),
  'Authorization: Bearer agw_': (text) => authenticate(`Bearer agw_${text}`),
  'Authorization: Bearer eyJ': (text) => authenticate(`Bearer eyJ${text}`),
  'Authorization: Basic': (text) => authenticate(`Basic ${text}`),
  Authorization: authenticate,
  'Authorization at the token endpoint': (text) => tokens.issue(`Basic ${text}`, new URLSearchParams()),
  'parameters of credentials': parseAuthParams,
  Accept: (text) => resolveVersion(operation, text, '2026-08-10'),
  'Accept-Encoding': chooseCoding,
  'If-None-Match': (text) => matchesEtag(text, '"tag"'),
  'Cache-Control': (text) => parseCacheDirectives(text, undefined),
  Pragma: (text) => parseCacheDirectives(undefined, text),
  Host: (text) => namesThisListener(text, '127.0.0.1'),
  Origin: (text) => isCrossSite((name) => (name === 'origin' ? text : undefined)),
  'Sec-Fetch-Site': (text) => isCrossSite(() => text),
  target: (target) => checkEdge({ method: 'GET', target, headers: NO_HEADERS }),
  'target after a slash': (text) => checkEdge({ method: 'GET', target: `/${text}`, headers: NO_HEADERS }),
  path: (text) => catalog.match(`/${text}`),
  'path parameter': (text) => catalog.match(linksOf({ id: text })),
  query: (text) => resolveQuery(operation, text),
  'WWW-Authenticate of Atlas': readChallenge,
  'challenges of Atlas': parseChallenges,
  'Retry-After of Atlas': (text) => readRetryAfter({ 'retry-after': text }, clock),
  'RateLimit-Remaining of Atlas': readCount,
  'a date of Atlas': parseHttpDate,
};

const withIds = (path: string) => path.replace(/\{\w+\}/g, '64b7c0ffee0000000000a0ff');

/**
 * For each expression that Atlas's OpenAPI description gives: a path or query with a parameter that must match it. Not all of these expressions
 * are linear themselves, so they must never meet a long value.
 */
const PATTERNS = new Map<string, (text: string) => unknown>(
  operations.flatMap((known) => [
    ...known.pathParameters.flatMap(({ name, pattern }) => {
      const [before = '', after = ''] = known.path.split(`{${name}}`).map(withIds);
      return pattern === undefined
        ? []
        : [[pattern, (text: string) => catalog.match(`${before}${text}${after}`)] as const];
    }),
    ...known.queryParameters.flatMap(({ name, pattern }) =>
      pattern === undefined
        ? []
        : [[pattern, (text: string) => resolveQuery(known, `${name}=${text}`)] as const],
    ),
  ]),
);

/** Repeated, these are slow for backtracking parsers. */
const PIECES = [
  ...['a', ' ', '0', 'é', '"', '\\', ',', ';', '=', '/', '.', '-', '%', '*', ':', '[', '&', '\t'],
  ...['a=', 'a ', 'a,', 'a;', ' ;', ', ', '; ', '\\"', '="', 'a="', 'a="\\', '""', 'a=""', 'a = b '],
  ...['/.', '%2e', '/a', 'a.', '1.', '25', 'a:', 'f:', 'a&', 'a=&', 'W/"', 'q=0.', 'no-cache ', 'eyJ.'],
];
const ENDS = ['', '!'];
/** Up to four times Node.js' header limit; the short ones are for parsers with their own limit. */
const LENGTHS = [256, 1_024, 4_096, 16_384, 65_536];
const CHARACTERS = 65_536;
/** Linear ones take 1 to 20 ms on a slow machine, `Digest ` with 4 096 letters took 200 ms. */
const BOUND_MS = 60;
const ATTEMPTS = 5;

/** CPU time of this process in milliseconds, which excludes other processes. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** Milliseconds to parse 65 536 characters in texts of this length: the minimum of a few attempts, to exclude garbage collection. */
function bestOf(parse: (text: string) => unknown, text: string): number {
  let best = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < ATTEMPTS && best > BOUND_MS; attempt++) {
    const startedAt = processorMs();
    for (let read = 0; read < CHARACTERS; read += text.length) parse(text);
    best = Math.min(best, processorMs() - startedAt);
  }
  return best;
}

function* adversarialTexts() {
  for (const length of LENGTHS)
    for (const piece of PIECES)
      for (const end of ENDS) yield `${piece.repeat((length - end.length) / piece.length)}${end}`;
}

/** The texts that took longer than the bound, shortened. */
const slowTexts = (parse: (text: string) => unknown) =>
  [...adversarialTexts()]
    .filter((text) => bestOf(parse, text) > BOUND_MS)
    .map(
      (text) =>
        `${JSON.stringify(text.slice(0, 20))}… of ${text.length}, end ${JSON.stringify(text.slice(-1))}`,
    );

describe('untrusted input is parsed in linear time', () => {
  test.each(Object.entries(PARSERS))('83: %s', (_what, parse) => {
    expect(slowTexts(parse)).toEqual([]);
  });

  test.each([...PATTERNS])('83: a parameter that must match %s', (_pattern, parse) => {
    expect(slowTexts(parse)).toEqual([]);
  });

  let running: Running;
  beforeAll(async () => {
    running = await startGateway({ config: { anonymous: undefined } });
  });
  afterAll(() => running.stop());

  test.each(['Digest ', 'Bearer ', 'Basic ', 'Bearer agw_', 'Bearer eyJ', ''])(
    '83: `Authorization: %s` and 15 KB of anything → 401',
    async (scheme) => {
      for (const piece of ['a', 'a=', 'a="', 'a="\\', '\\"', ' ', '. ', 'a,']) {
        const answer = await raw(
          running.origin,
          `GET ${linksOf(SAMPLE_PROJECTS.orders)} HTTP/1.1\r\nHost: x\r\nAccept: ${ACCEPT}\r\nConnection: close\r\n` +
            `Authorization: ${scheme}${piece.repeat(15_000 / piece.length)}!\r\n\r\n`,
        );
        expect(answer, piece).toMatch(/^HTTP\/1\.1 401 /);
      }
    },
  );
});
