import { z } from 'zod';
import { parseDuration, parseSize } from '../lib/units.ts';
import { isHost } from './hosts.ts';

const shown = (value: unknown) =>
  value === undefined ? 'nothing' : `'${typeof value === 'object' ? 'a list or mapping' : String(value)}'`;

/** A timer of the platform that is set to more than 24.8 days fires at once. */
const LONGEST_TIMER = '24d';
const LONGEST_DURATION = '3650d';
const isAtMost = (text: string, longest: string) =>
  (parseDuration(text) ?? 0) <= (parseDuration(longest) ?? 0);

/** A duration that has no default of its own. */
const anyDuration = (example: string, description: string) =>
  z
    .string({ error: ({ input }) => `${shown(input)} is no duration; write ${example}` })
    .refine((text) => parseDuration(text) !== undefined, {
      error: ({ input }) => `${shown(input)} is no duration; write ${example}`,
    })
    .refine((text) => isAtMost(text, LONGEST_DURATION), {
      error: ({ input }) => `${shown(input)} is too long; write ${LONGEST_DURATION} at most`,
    })
    .transform((text) => parseDuration(text) ?? 0)
    .describe(`${description} A duration such as ${example}.`);

const duration = (standard: string, description: string) =>
  anyDuration(standard, description)
    .prefault(standard)
    .describe(`${description} A duration such as ${standard}.`);

/** A duration that a timer is set to. */
const timerDuration = (standard: string, description: string) =>
  duration(standard, description).refine((ms) => ms <= (parseDuration(LONGEST_TIMER) ?? 0), {
    error: `is too long; write ${LONGEST_TIMER} at most`,
  });

/** A timer that would have no effect, or fire without a pause, if it were set to nothing. */
const positiveTimerDuration = (standard: string, description: string) =>
  timerDuration(standard, description).refine((ms) => ms > 0, {
    error: `must be more than 0; write ${standard}, for example`,
  });

const isSize = (text: string) => {
  const bytes = parseSize(text);
  return Number.isSafeInteger(bytes) && bytes !== 0;
};

const size = (standard: string, description: string) => {
  const noSize = {
    error: ({ input }: { input?: unknown }) =>
      `${shown(input)} is no size; write ${standard} or ${parseSize(standard)}`,
  };
  return z
    .union([z.int().positive(noSize), z.string()], noSize)
    .refine((value) => typeof value === 'number' || isSize(value), noSize)
    .transform((value) => (typeof value === 'number' ? value : (parseSize(value) ?? 0)))
    .prefault(standard)
    .describe(`${description} A size such as ${standard}, or a number of bytes.`);
};

const secret = (description: string) =>
  z
    .union([z.strictObject({ env: z.string().min(1) }), z.strictObject({ file: z.string().min(1) })], {
      error: 'a secret is never written here; write { env: NAME } or { file: PATH }',
    })
    .describe(`${description} Named by { env: NAME } or { file: PATH }.`);

const name = z
  .string({ error: ({ input }) => `${shown(input)} is no name; write letters, digits, dots and dashes` })
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, {
    error: ({ input }) => `${shown(input)} is no name; write up to 63 letters, digits, dots and dashes`,
  });

const hexId = z
  .string({ error: ({ input }) => `${shown(input)} is no id; write 24 hexadecimal digits in quotes` })
  .regex(/^[a-f0-9]{24}$/, {
    error: ({ input }) => `${shown(input)} is no id; write 24 lower-case hexadecimal digits`,
  });

const idsOrAll = (what: string) =>
  z
    .union([z.literal('all'), z.array(hexId)], {
      error: `write all, or a list of ${what} ids of 24 hexadecimal digits`,
    })
    .describe(`Ids of ${what}s, or all.`);

const operationNames = z
  .union([z.string(), z.array(z.string())], { error: 'write lists, or a list of operation ids and tags' })
  .transform((names) => (typeof names === 'string' ? [names] : names))
  .prefault('lists')
  .describe(
    'Operation ids and tags; `lists` stands for every list that holds no secrets and no personal data.',
  );

const port = (standard: number, description: string) =>
  z
    .int({ error: ({ input }) => `${shown(input)} is no port; write a number from 0 to 65535` })
    .min(0, { error: 'a port is a number from 0 to 65535' })
    .max(65_535, { error: 'a port is a number from 0 to 65535' })
    .default(standard)
    .describe(description);

const url = (description: string) =>
  z
    .string({ error: ({ input }) => `${shown(input)} is no address; write https://host` })
    .refine((text) => URL.canParse(text) && /^https?:\/\/[^/?#@]+\/?$/.test(text), {
      error: ({ input }) =>
        `${shown(input)} is no origin; write scheme and host only, such as https://host:8080`,
    })
    .transform((text) => text.replace(/\/$/, ''))
    .describe(description);

const host = (standard: string, description: string) =>
  z
    .string({ error: ({ input }) => `${shown(input)} is not a valid host; write ${standard}, for example` })
    .refine(isHost, {
      error: ({ input }) =>
        `${shown(input)} is not a valid host; write an IP address or a name, without scheme, brackets or port, such as ${standard}`,
    })
    .default(standard)
    .describe(description);

const flag = () =>
  z.boolean({
    error: ({ input }) => `${shown(input)} is not true or false; write true or false, without quotes`,
  });

/** `Date.parse` alone takes the 30th of February for a day in March. */
const isCalendarDay = (text: string) => {
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
};

const day = z
  .string({ error: ({ input }) => `${shown(input)} is no day; write YYYY-MM-DD` })
  .regex(/^\d{4}-\d{2}-\d{2}$/, { error: ({ input }) => `${shown(input)} is no day; write YYYY-MM-DD` })
  .refine(isCalendarDay, {
    error: ({ input }) => `${shown(input)} is not a day of the calendar; write a day that its month has`,
  });

const fileRef = (description: string) =>
  z.strictObject({ file: z.string().min(1) }, { error: 'write { file: PATH }' }).describe(description);

const rate = (description: string) =>
  z
    .strictObject({
      perMinute: z
        .int({ error: ({ input }) => `${shown(input)} is no rate; write a whole number such as 60` })
        .positive({ error: 'a rate is at least 1' }),
    })
    .describe(description);

const listen = z.strictObject({
  host: host('127.0.0.1', 'Address the gateway listens on.'),
  port: port(8_080, 'Port the gateway listens on.'),
  tls: z
    .strictObject({ cert: fileRef('Certificate chain, PEM.'), key: fileRef('Private key, PEM.') })
    .optional()
    .describe('Serves https; changed files are taken over without a restart.'),
  maxInFlight: z
    .int({ error: ({ input }) => `${shown(input)} is no count; write a whole number such as 5000` })
    .positive({ error: 'a count is at least 1' })
    .default(5_000)
    .describe('Requests answered at the same time; more get 503 OVERLOADED.'),
  publicUrl: url(
    'Scheme and host that links in answers lead to; by default the address listened on.',
  ).optional(),
});

const admin = z.strictObject({
  host: host('127.0.0.1', 'Address of metrics, probes and purge.'),
  port: port(9_090, 'Port of metrics, probes and purge.'),
  token: secret('Token asked of those who read the status or purge; needed off loopback.').optional(),
});

const upstream = z.strictObject({
  origin: url('Where Atlas is.').prefault('https://cloud.mongodb.com'),
  timeout: positiveTimerDuration('10s', 'How long a load may take altogether.'),
  maxBody: size('32MiB', 'The largest answer taken from Atlas.'),
});

const credential = z.strictObject({
  name: name.describe('The name that metrics and logs use.'),
  serviceAccount: z
    .strictObject({
      clientId: secret('Client id of the service account.'),
      clientSecret: secret('Client secret of the service account.'),
    })
    .optional()
    .describe('A service account (OAuth).'),
  apiKey: z
    .strictObject({
      publicKey: secret('Public key of the API key.'),
      privateKey: secret('Private key of the API key.'),
    })
    .optional()
    .describe('An API key (HTTP digest).'),
  projects: z
    .array(hexId)
    .optional()
    .describe('Projects it is asked about; without projects and organizations, all.'),
  organizations: z.array(hexId).optional().describe('Organizations it is asked about.'),
  expires: day
    .optional()
    .describe(
      'Day (UTC) on which its secret ends, as Atlas shows it: exported as a metric, and logged from 30 days before.',
    ),
});

const callerKey = z.strictObject({
  id: z
    .string()
    .regex(/^agw_[A-Za-z0-9]{12}$/, {
      error: ({ input }) => `${shown(input)} is no key id; make one with atlas-gateway new-key`,
    })
    .describe('The id of the key, as new-key prints it.'),
  sha256: z
    .string({
      error: 'write the SHA-256 of the secret in quotes: without them YAML may take it for a number',
    })
    .regex(/^[a-f0-9]{64}$/, {
      error: 'write the SHA-256 of the secret as 64 hexadecimal digits, as atlas-gateway new-key prints it',
    })
    .describe('SHA-256 of its secret, in hex.'),
  ha1: fileRef('HA1 of the secret, made by new-key --ha1-file; needed for HTTP digest.').optional(),
  expires: day.optional().describe('First day (UTC) on which the key no longer works.'),
});

const grants = {
  projects: idsOrAll('project').default([]),
  organizations: idsOrAll('organization').default([]),
  operations: operationNames,
};

const caller = z.strictObject({
  name: name.describe('The name that metrics and logs use.'),
  keys: z.array(callerKey).default([]).describe('Keys that admit this caller; two during a change of keys.'),
  jwt: z
    .strictObject({
      issuer: z.string().min(1).describe('One of issuers[].issuer.'),
      subject: z.string().min(1).optional().describe('The subject of its tokens; or claim.'),
      claim: z
        .strictObject({
          name: z.string().min(1).describe('The name of the claim.'),
          value: z.string().min(1).describe('The value it must have.'),
        })
        .optional()
        .describe('Another claim, and its value.'),
    })
    .optional()
    .describe('Tokens of an issuer that admit this caller.'),
  ...grants,
  spend: rate('Upstream calls this caller may cause in a minute.').optional(),
  requests: rate('Requests this caller may make in a minute.').optional(),
});

const issuer = z.strictObject({
  issuer: z.string().min(1).describe('The iss of its tokens.'),
  audience: z.string().min(1).describe('The aud of its tokens.'),
  algorithms: z
    .array(
      z.enum(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'], {
        error: 'write an asymmetric algorithm such as RS256',
      }),
    )
    .min(1)
    .default(['RS256'])
    .describe('Signature algorithms that are believed.'),
  jwks: z
    .union(
      [
        z.strictObject({
          url: z.string().refine((text) => URL.canParse(text), {
            error: ({ input }) => `${shown(input)} is not an address; write https://host/path`,
          }),
        }),
        z.strictObject({ file: z.string().min(1) }),
      ],
      {
        error: 'write { url: https://… } or { file: PATH }',
      },
    )
    .describe('Where its keys are.'),
});

const anonymous = z.strictObject({
  ...grants,
  allowRemote: flag()
    .default(false)
    .describe('Lets strangers in although the listener can be reached from other machines.'),
});

const cache = z.strictObject({
  maxBytes: size('64MiB', 'Memory for lists and pages.'),
  projectShare: z
    .number({ error: ({ input }) => `${shown(input)} is no share; write a number such as 0.25` })
    .gt(0, { error: 'a share is more than 0 and at most 1' })
    .max(1, { error: 'a share is more than 0 and at most 1' })
    .default(0.25)
    .describe('No project holds more than this part of the memory.'),
  fresh: duration('30s', 'How long a list is served without asking again.'),
  staleWhileRevalidate: duration('5m', 'How long after that it is served while it is asked for again.'),
  staleIfError: duration('24h', 'How long it is served where Atlas fails.'),
  maxItems: z
    .int({ error: ({ input }) => `${shown(input)} is no count; write a whole number such as 10000` })
    .positive({ error: 'a count is at least 1' })
    .default(10_000)
    .describe('Longer lists are held a page at a time.'),
  snapshot: z
    .strictObject({
      path: z.string().min(1).describe('The file; its folder must be writable.'),
      encryptionKey: secret('Encrypts the file; at least 32 random characters.'),
      every: positiveTimerDuration('5m', 'How often it is written; it is written at the end too.'),
    })
    .optional()
    .describe('Keeps lists in a file, so that a restart while Atlas is down still answers.'),
  shared: z
    .strictObject({
      url: secret(
        'Address of a Redis or Valkey: redis://user:password@host:6379/0, rediss:// with TLS, redis+sentinel://host:26379,host:26379/primary, redis+cluster://host:6379,host:6379.',
      ),
      encryptionKey: secret('Encrypts what is kept there; at least 32 random characters.'),
      previousEncryptionKey: secret(
        'Another key that is understood: the next one or the last one, while keys change.',
      ).optional(),
      ca: fileRef('Certificates to trust for TLS instead of the usual ones, PEM.').optional(),
      timeout: positiveTimerDuration('150ms', 'How long it is waited for before it is a miss.'),
    })
    .optional()
    .describe('Shares lists, tokens and rate limits with other gateways.'),
  operations: z
    .record(
      z.string(),
      z.strictObject({
        fresh: anyDuration('30s', 'As cache.fresh, for this operation.').optional(),
        staleWhileRevalidate: anyDuration(
          '5m',
          'As cache.staleWhileRevalidate, for this operation.',
        ).optional(),
        staleIfError: anyDuration('24h', 'As cache.staleIfError, for this operation.').optional(),
        whole: flag()
          .optional()
          .describe('false: held a page at a time, except where it is filtered to the projects of a caller.'),
      }),
    )
    .default({})
    .describe('Exceptions, by operation id.'),
});

/** The configuration file. Durations come out in milliseconds, sizes in bytes. */
export const configSchema = z.strictObject({
  listen: listen.prefault({}),
  admin: admin.prefault({}),
  upstream: upstream.prefault({}),
  credentials: z.array(credential).min(1, { error: 'name at least one credential' }),
  callers: z.array(caller).default([]),
  issuers: z.array(issuer).default([]).describe('Issuers of JWTs that admit callers.'),
  tokens: z
    .strictObject({
      signingKey: secret(
        'Signs the tokens keys are traded for; at least 32 characters. Made at the start where it is left out.',
      ).optional(),
    })
    .prefault({}),
  anonymous: anonymous.optional(),
  drain: z
    .strictObject({
      delay: timerDuration(
        '2s',
        'How long after SIGTERM new requests are still answered, so that load balancers have noticed.',
      ),
      deadline: timerDuration('15s', 'How long after that requests under way may take.'),
    })
    .prefault({})
    .describe('How the gateway ends.'),
  cache: cache.prefault({}),
  metrics: z
    .strictObject({
      privateLinkConnections: flag()
        .default(false)
        .describe(
          'Exports atlas_private_link_connections: how many are in which state, counted in the lists that are held.',
        ),
    })
    .prefault({})
    .describe('Metrics that are exported only where they are asked for.'),
});

/** The configuration as the program uses it. */
export type GatewayConfig = z.output<typeof configSchema>;

/** A secret, named. */
export type SecretRef = { env: string } | { file: string };

/** Scalar settings that an environment variable may override, by path. */
export const SCALAR_SETTINGS = [
  'listen.host',
  'listen.port',
  'listen.publicUrl',
  'listen.maxInFlight',
  'admin.host',
  'admin.port',
  'upstream.origin',
  'upstream.timeout',
  'upstream.maxBody',
  'cache.maxBytes',
  'cache.projectShare',
  'cache.fresh',
  'cache.staleWhileRevalidate',
  'cache.staleIfError',
  'cache.maxItems',
  'drain.delay',
  'drain.deadline',
] as const;

/** The file as JSON Schema, for editors. */
export const toJsonSchema = () => z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' });
