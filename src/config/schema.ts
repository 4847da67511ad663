import { z } from 'zod';
import {
  anyDuration,
  collectorUrl,
  day,
  duration,
  fileRef,
  flag,
  hexId,
  host,
  idsOrAll,
  name,
  operationNames,
  port,
  positiveTimerDuration,
  quote,
  rate,
  secret,
  size,
  socketPath,
  timerDuration,
  trustedProxy,
  url,
  urlWithPath,
} from './fields.ts';

const listen = z.strictObject({
  host: host('127.0.0.1', 'Address of the public listener.'),
  port: port(8_080, 'Port of the public listener.'),
  socket: socketPath('Path of a Unix socket for the public listener, instead of host and port.'),
  tls: z
    .strictObject({ cert: fileRef('Certificate chain, PEM.'), key: fileRef('Private key, PEM.') })
    .optional()
    .describe('Serves HTTPS; changed files are applied without a restart.'),
  maxInFlight: z
    .int({ error: ({ input }) => `${quote(input)} is not a valid number; use a whole number, e.g. 5000` })
    .positive({ error: 'must be at least 1' })
    .default(5_000)
    .describe('Maximum number of concurrent requests; further requests get 503 OVERLOADED.'),
  publicUrl: urlWithPath(
    'Address under which clients reach the gateway, for the links in responses; by default the address of the listener. A path is for a proxy in front, whether it removes the path or not.',
  ).optional(),
  trustedProxies: z
    .array(trustedProxy)
    .default([])
    .describe(
      'Networks of the proxies in front of the gateway. Of a request from one of them, the client address is taken from X-Forwarded-For: the right-most address that is not in these networks. For a proxy on listen.socket, write unix: in quotes.',
    ),
});

const admin = z.strictObject({
  host: host('127.0.0.1', 'Address of the admin listener (metrics, probes, status, purge).'),
  port: port(9_090, 'Port of the admin listener.'),
  socket: socketPath('Path of a Unix socket for the admin listener, instead of host and port.'),
  tls: z
    .strictObject({
      cert: fileRef('Certificate chain, PEM.'),
      key: fileRef('Private key, PEM.'),
      clientCa: fileRef(
        'CA certificates, PEM; clients need a certificate that one of them has signed.',
      ).optional(),
    })
    .optional()
    .describe('Serves HTTPS; changed files are applied without a restart.'),
  token: secret(
    'Token required to read the status and to purge; mandatory unless the admin listener is on loopback.',
  ).optional(),
});

const upstream = z.strictObject({
  origin: url('Origin of the Atlas Administration API.').prefault('https://cloud.mongodb.com'),
  timeout: positiveTimerDuration(
    '10s',
    'Time limit of a load, and of each call to Atlas from when it is sent.',
  ),
  maxBody: size('32MiB', 'Maximum size of a response from Atlas.'),
  maxConnections: z
    .int({ error: ({ input }) => `${quote(input)} is not a valid number; use a whole number, e.g. 64` })
    .min(4, 'is too low; the minimum is 4')
    .max(1_000, 'is too high; the maximum is 1000')
    .prefault(64)
    .describe(
      'Calls to Atlas at once; a few connections more serve tokens. Walks and refreshes use at most half.',
    ),
  proxy: secret(
    'HTTP proxy for all calls to Atlas: http://user:password@host:port. By default HTTPS_PROXY, unless NO_PROXY names the origin.',
  ).optional(),
  ca: fileRef('CA certificates that are trusted in addition to the usual ones, PEM.').optional(),
});

const credential = z.strictObject({
  name: name.describe('Name used in metrics and logs.'),
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
    .describe('Projects this credential is used for; all, if neither projects nor organizations are given.'),
  organizations: z.array(hexId).optional().describe('Organizations this credential is used for.'),
  expires: day
    .optional()
    .describe(
      'Day (UTC) on which its secret expires, as Atlas shows it. Exported as a metric; a warning is logged from 30 days before.',
    ),
});

const callerKey = z.strictObject({
  id: z
    .string()
    .regex(/^agw_[A-Za-z0-9]{12}$/, {
      error: ({ input }) => `${quote(input)} is not a valid key id; create one with atlas-gateway new-key`,
    })
    .describe('Id of the key, as printed by new-key.'),
  sha256: z
    .string({
      error: 'write the SHA-256 of the secret in quotes; without quotes YAML may parse it as a number',
    })
    .regex(/^[a-f0-9]{64}$/, {
      error: 'write the SHA-256 of the secret as 64 hexadecimal digits, as atlas-gateway new-key prints it',
    })
    .describe('SHA-256 of its secret, in hex.'),
  ha1: fileRef('HA1 of the secret, created with new-key --ha1-file; required for HTTP digest.').optional(),
  expires: day.optional().describe('Day (UTC) from which the key is no longer valid.'),
});

const grants = {
  projects: idsOrAll('project').default([]),
  organizations: idsOrAll('organization').default([]),
  operations: operationNames,
};

const caller = z.strictObject({
  name: name.describe('Name used in metrics and logs.'),
  keys: z.array(callerKey).default([]).describe('Keys of this caller; two during a rotation.'),
  jwt: z
    .strictObject({
      issuer: z.string().min(1).describe('One of issuers[].issuer.'),
      subject: z
        .string()
        .min(1)
        .optional()
        .describe('The sub claim its tokens must have; alternative to claim.'),
      claim: z
        .strictObject({
          name: z.string().min(1).describe('Name of the claim.'),
          value: z.string().min(1).describe('Required value.'),
        })
        .optional()
        .describe('Another claim that its tokens must have.'),
    })
    .optional()
    .describe('JWTs that authenticate this caller.'),
  ...grants,
  spend: rate('Upstream calls this caller may cause per minute.').optional(),
  requests: rate('Requests this caller may send per minute.').optional(),
});

const issuer = z.strictObject({
  issuer: z.string().min(1).describe('The iss claim of its tokens.'),
  audience: z.string().min(1).describe('The aud claim of its tokens.'),
  algorithms: z
    .array(
      z.enum(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'], {
        error: 'write an asymmetric algorithm such as RS256',
      }),
    )
    .min(1)
    .default(['RS256'])
    .describe('Accepted signature algorithms.'),
  jwks: z
    .union(
      [
        z.strictObject({
          url: z.string().refine((text) => URL.canParse(text), {
            error: ({ input }) => `${quote(input)} is not an address; write https://host/path`,
          }),
          proxy: secret(
            'HTTP proxy to the key server, like upstream.proxy. By default HTTPS_PROXY, unless NO_PROXY names the key server.',
          ).optional(),
        }),
        z.strictObject({ file: z.string().min(1) }),
      ],
      {
        error: 'write { url: https://… } or { file: PATH }',
      },
    )
    .describe(
      'Location of its JSON Web Key Set. With a URL, proxy names an HTTP proxy, like upstream.proxy.',
    ),
});

const anonymous = z.strictObject({
  ...grants,
  allowRemote: flag()
    .default(false)
    .describe('Admits unauthenticated requests even if the listener is reachable from other machines.'),
});

const cache = z.strictObject({
  maxBytes: size('64MiB', 'Memory limit for cached lists and pages.'),
  projectShare: z
    .number({ error: ({ input }) => `${quote(input)} is not a valid fraction; use a number, e.g. 0.25` })
    .gt(0, { error: 'must be greater than 0 and at most 1' })
    .max(1, { error: 'must be greater than 0 and at most 1' })
    .default(0.25)
    .describe('Maximum fraction of cache.maxBytes that one project may use.'),
  fresh: duration('30s', 'How long a cached list is fresh.'),
  staleWhileRevalidate: duration('5m', 'How long a stale list is served while it is revalidated.'),
  staleIfError: duration('24h', 'How long a stale list is served while Atlas fails.'),
  maxItems: z
    .int({ error: ({ input }) => `${quote(input)} is not a valid number; use a whole number, e.g. 10000` })
    .positive({ error: 'must be at least 1' })
    .default(10_000)
    .describe('Longer lists are cached page by page.'),
  snapshot: z
    .strictObject({
      path: z.string().min(1).describe('Path of the file; its folder must be writable.'),
      encryptionKey: secret('Encrypts the file; at least 32 random characters.'),
      every: positiveTimerDuration('5m', 'How often the file is written; it is also written on shutdown.'),
    })
    .optional()
    .describe(
      'Persists cached lists to a file, so that a gateway restarted during an Atlas outage can still serve them.',
    ),
  shared: z
    .strictObject({
      url: secret(
        'URL of a Redis or Valkey: redis://user:password@host:6379/0, rediss:// with TLS, redis+sentinel://host:26379,host:26379/primary, redis+cluster://host:6379,host:6379.',
      ),
      encryptionKey: secret('Encrypts the stored values; at least 32 random characters.'),
      previousEncryptionKey: secret(
        'Additional key for decryption during a rotation: the previous or the next one.',
      ).optional(),
      ca: fileRef('CA certificates for TLS, replacing the default ones, PEM.').optional(),
      timeout: positiveTimerDuration('150ms', 'Timeout of a lookup; after it, the lookup counts as a miss.'),
    })
    .optional()
    .describe('Shares cached lists, tokens and rate limits with other gateways.'),
  operations: z
    .record(
      z.string(),
      z.strictObject({
        fresh: anyDuration('30s', 'Overrides cache.fresh for this operation.').optional(),
        staleWhileRevalidate: anyDuration(
          '5m',
          'Overrides cache.staleWhileRevalidate for this operation.',
        ).optional(),
        staleIfError: anyDuration('24h', 'Overrides cache.staleIfError for this operation.').optional(),
        whole: flag()
          .optional()
          .describe('false: cached page by page, except if it is filtered by the projects of a caller.'),
        fromList: flag()
          .optional()
          .describe(
            'For elements. true: answered from the cached list that contains them; false: never. Not set: where recordings of Atlas show that both are equal.',
          ),
      }),
    )
    .default({})
    .describe('Overrides by operation id.'),
});

const log = z.strictObject({
  level: z
    .enum(['debug', 'info', 'warn', 'error'], {
      error: ({ input }) => `${quote(input)} is not a log level; write debug, info, warn or error`,
    })
    .default('info')
    .describe(
      'Least severe lines that are written. Requests that succeed are logged at info; each call to Atlas at debug.',
    ),
});

const tracing = z.strictObject({
  endpoint: collectorUrl(
    'Collector that receives traces by OTLP over HTTP. A URL without a path means /v1/traces.',
  ),
  sampleRatio: z
    .number({ error: ({ input }) => `${quote(input)} is not a valid fraction; use a number, e.g. 0.1` })
    .min(0, { error: 'must be between 0 and 1' })
    .max(1, { error: 'must be between 0 and 1' })
    .default(1)
    .describe(
      'Fraction of the requests that are traced. An authenticated client that sends a traceparent header decides itself.',
    ),
});

/** The configuration file. Parsed durations are in milliseconds, sizes in bytes. */
export const configSchema = z.strictObject({
  listen: listen.prefault({}),
  admin: admin.prefault({}),
  upstream: upstream.prefault({}),
  credentials: z.array(credential).min(1, { error: 'add at least one credential' }),
  callers: z.array(caller).default([]),
  issuers: z.array(issuer).default([]).describe('Issuers of JWTs that admit callers.'),
  tokens: z
    .strictObject({
      signingKey: secret(
        'Signs the tokens issued in exchange for caller keys; at least 32 characters. Generated at startup if not set.',
      ).optional(),
    })
    .prefault({}),
  anonymous: anonymous.optional(),
  drain: z
    .strictObject({
      delay: timerDuration(
        '2s',
        'How long new requests are still accepted after SIGTERM, until load balancers have stopped sending them.',
      ),
      deadline: timerDuration('15s', 'How long requests in progress may take after that.'),
    })
    .prefault({})
    .describe('Graceful shutdown.'),
  cache: cache.prefault({}),
  log: log.prefault({}).describe('Log lines on standard output.'),
  tracing: tracing.optional().describe('Sends traces to an OpenTelemetry collector.'),
  metrics: z
    .strictObject({
      privateLinkConnections: flag()
        .default(false)
        .describe(
          'Exports atlas_private_link_connections: the number of connections by state, counted in the cached lists.',
        ),
    })
    .prefault({})
    .describe('Opt-in metrics.'),
});

/** The parsed configuration. */
export type GatewayConfig = z.output<typeof configSchema>;

/** A reference to a secret. */
export type SecretRef = { env: string } | { file: string };

/** Paths of the scalar settings that environment variables can override. */
export const SCALAR_SETTINGS = [
  'listen.host',
  'listen.port',
  'listen.socket',
  'listen.publicUrl',
  'listen.maxInFlight',
  'admin.host',
  'admin.port',
  'admin.socket',
  'upstream.origin',
  'upstream.timeout',
  'upstream.maxBody',
  'upstream.maxConnections',
  'cache.maxBytes',
  'cache.projectShare',
  'cache.fresh',
  'cache.staleWhileRevalidate',
  'cache.staleIfError',
  'cache.maxItems',
  'log.level',
  'drain.delay',
  'drain.deadline',
] as const;
