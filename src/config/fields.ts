// Types of settings: each checks its text, converts it, and describes it for the JSON Schema.
import { z } from 'zod';
import { parseNetwork } from '../lib/ip-network.ts';
import { UNIX_SOCKET } from '../lib/trusted-proxies.ts';
import { parseDuration, parseSize } from '../lib/units.ts';
import { isHost } from './hosts.ts';

/** Quotes an invalid value for an error message. */
export const quote = (value: unknown) =>
  value === undefined ? 'nothing' : `'${typeof value === 'object' ? 'a list or mapping' : String(value)}'`;

/** Node.js timers longer than 2^31-1 ms (24.8 days) fire immediately. */
const LONGEST_TIMER = '24d';
const LONGEST_DURATION = '3650d';
const isAtMost = (text: string, longest: string) =>
  (parseDuration(text) ?? 0) <= (parseDuration(longest) ?? 0);

/** A duration without a default. */
export const anyDuration = (example: string, description: string) =>
  z
    .string({ error: ({ input }) => `${quote(input)} is not a valid duration; use e.g. ${example}` })
    .refine((text) => parseDuration(text) !== undefined, {
      error: ({ input }) => `${quote(input)} is not a valid duration; use e.g. ${example}`,
    })
    .refine((text) => isAtMost(text, LONGEST_DURATION), {
      error: ({ input }) => `${quote(input)} is too long; use at most ${LONGEST_DURATION}`,
    })
    .transform((text) => parseDuration(text) ?? 0)
    .describe(`${description} A duration such as ${example}.`);

/** A duration with a default, parsed into milliseconds. */
export const duration = (defaultValue: string, description: string) =>
  anyDuration(defaultValue, description)
    .prefault(defaultValue)
    .describe(`${description} A duration such as ${defaultValue}.`);

/** A duration for a timer. */
export const timerDuration = (defaultValue: string, description: string) =>
  duration(defaultValue, description).refine((ms) => ms <= (parseDuration(LONGEST_TIMER) ?? 0), {
    error: `is too long; use at most ${LONGEST_TIMER}`,
  });

/** For timers that would have no effect, or fire in a tight loop, if set to 0. */
export const positiveTimerDuration = (defaultValue: string, description: string) =>
  timerDuration(defaultValue, description).refine((ms) => ms > 0, {
    error: `must be greater than 0; use e.g. ${defaultValue}`,
  });

const isSize = (text: string) => {
  const bytes = parseSize(text);
  return Number.isSafeInteger(bytes) && bytes !== 0;
};

/** A size, parsed into bytes. */
export const size = (defaultValue: string, description: string) => {
  const invalidSize = {
    error: ({ input }: { input?: unknown }) =>
      `${quote(input)} is not a valid size; use e.g. ${defaultValue} or ${parseSize(defaultValue)}`,
  };
  return z
    .union([z.int().positive(invalidSize), z.string()], invalidSize)
    .refine((value) => typeof value === 'number' || isSize(value), invalidSize)
    .transform((value) => (typeof value === 'number' ? value : (parseSize(value) ?? 0)))
    .prefault(defaultValue)
    .describe(`${description} A size such as ${defaultValue}, or a number of bytes.`);
};

/** A reference to a secret, never its value. */
export const secret = (description: string) =>
  z
    .union([z.strictObject({ env: z.string().min(1) }), z.strictObject({ file: z.string().min(1) })], {
      error: 'a secret must not be written in this file; write { env: NAME } or { file: PATH }',
    })
    .describe(`${description} Given as { env: NAME } or { file: PATH }.`);

/** A name that metrics and logs can carry as it is. */
export const name = z
  .string({
    error: ({ input }) =>
      `${quote(input)} is not a valid name; use letters, digits, dots, dashes and underscores`,
  })
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, {
    error: ({ input }) =>
      `${quote(input)} is not a valid name; use up to 63 letters, digits, dots, dashes and underscores`,
  });

/** An id of Atlas. */
export const hexId = z
  .string({
    error: ({ input }) => `${quote(input)} is not a valid id; write 24 hexadecimal digits in quotes`,
  })
  .regex(/^[a-f0-9]{24}$/, {
    error: ({ input }) => `${quote(input)} is not a valid id; write 24 lower-case hexadecimal digits`,
  });

/** A list of Atlas ids, or `all`. */
export const idsOrAll = (kind: string) =>
  z
    .union([z.literal('all'), z.array(hexId)], {
      error: `write all, or a list of ${kind} ids of 24 hexadecimal digits`,
    })
    .describe(`Ids of ${kind}s, or all.`);

/** Parsed into a list, whichever way it is written. */
export const operationNames = z
  .union([z.string(), z.array(z.string())], {
    error: 'write reads, lists, or a list of operation ids and tags',
  })
  .transform((names) => (typeof names === 'string' ? [names] : names))
  .prefault('lists')
  .describe(
    'Operation ids, tags (their lists), `reads:<tag>` (their reads), `lists` and `reads`: all that contain no secrets, personal data or billing data.',
  );

/** A port; 0 lets the system choose one. */
export const port = (defaultValue: number, description: string) =>
  z
    .int({ error: ({ input }) => `${quote(input)} is not a valid port; write a number from 0 to 65535` })
    .min(0, { error: 'a port is a number from 0 to 65535' })
    .max(65_535, { error: 'a port is a number from 0 to 65535' })
    .default(defaultValue)
    .describe(description);

/** An origin: scheme and host, parsed without a trailing slash. */
export const url = (description: string) =>
  z
    .string({ error: ({ input }) => `${quote(input)} is not a valid address; write https://host` })
    .refine((text) => URL.canParse(text) && /^https?:\/\/[^/?#@]+\/?$/.test(text), {
      error: ({ input }) =>
        `${quote(input)} is not a valid origin; write only scheme and host, e.g. https://host:8080`,
    })
    .transform((text) => text.replace(/\/$/, ''))
    .describe(description);

/** An origin and optionally a path in its plainest form: no empty or dot segments, nothing encoded. Parsed without a trailing slash. */
export const urlWithPath = (description: string) =>
  z
    .string({ error: ({ input }) => `${quote(input)} is not a valid address; write https://host` })
    .refine(
      (text) => URL.canParse(text) && /^https?:\/\/[^/?#@]+(\/(?!\.{1,2}(\/|$))[\w.~-]+)*\/?$/.test(text),
      {
        error: ({ input }) =>
          `${quote(input)} is not a valid address; write scheme, host and optionally a path, e.g. https://host/atlas`,
      },
    )
    .transform((text) => text.replace(/\/$/, ''))
    .describe(description);

/** The URL of an OpenTelemetry collector. Its user information would be a secret, which must not be in the configuration. */
export const collectorUrl = (description: string) =>
  z
    .string({ error: ({ input }) => `${quote(input)} is not a valid address; write http://host:4318` })
    .refine((text) => URL.canParse(text) && /^https?:\/\/[^/?#@]+(?:\/[^?#]*)?$/.test(text), {
      error: 'is not a valid address; write scheme, host and optionally a path, e.g. http://host:4318',
    })
    .describe(description);

/** The address that a listener binds to. */
export const host = (defaultValue: string, description: string) =>
  z
    .string({ error: ({ input }) => `${quote(input)} is not a valid host; use e.g. ${defaultValue}` })
    .refine(isHost, {
      error: ({ input }) =>
        `${quote(input)} is not a valid host; write an IP address or a name, without scheme, brackets or port, e.g. ${defaultValue}`,
    })
    .default(defaultValue)
    .describe(description);

/** The longest path that every supported system accepts for a Unix socket. */
const LONGEST_SOCKET_PATH = 103;

/** Absent by default. */
export const socketPath = (description: string) =>
  z
    .string({
      error: ({ input }) => `${quote(input)} is not a valid path; use e.g. /run/atlas-gateway/api.sock`,
    })
    .min(1, { error: 'is empty; write the path of a socket, or remove it' })
    .refine((path) => Buffer.byteLength(path) <= LONGEST_SOCKET_PATH, {
      error: `is too long for a Unix socket; use at most ${LONGEST_SOCKET_PATH} bytes`,
    })
    .optional()
    .describe(description);

/** A proxy in front of the gateway: a range of addresses, a single one, or the clients of a Unix socket. */
export const trustedProxy = z
  .string({ error: ({ input }) => `${quote(input)} is not a valid network; use e.g. 10.0.0.0/8` })
  .refine((text) => text === UNIX_SOCKET || parseNetwork(text) !== undefined, {
    error: ({ input }) =>
      `${quote(input)} is not a valid network; write an IP address, or one with a prefix length, e.g. 10.0.0.0/8 or fd00::/8; for a Unix socket, write 'unix:'`,
  });

/** A boolean without a default. */
export const flag = () =>
  z.boolean({
    error: ({ input }) => `${quote(input)} is not a boolean; write true or false, without quotes`,
  });

/** `Date.parse` alone accepts February 30 as a day in March. */
const isCalendarDay = (text: string) => {
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
};

/** A calendar day, YYYY-MM-DD. */
export const day = z
  .string({ error: ({ input }) => `${quote(input)} is not a valid date; write YYYY-MM-DD` })
  .regex(/^\d{4}-\d{2}-\d{2}$/, {
    error: ({ input }) => `${quote(input)} is not a valid date; write YYYY-MM-DD`,
  })
  .refine(isCalendarDay, {
    error: ({ input }) => `${quote(input)} is not an existing date; write a day that exists in that month`,
  });

/** A reference to a file with a certificate, key or hash. */
export const fileRef = (description: string) =>
  z.strictObject({ file: z.string().min(1) }, { error: 'write { file: PATH }' }).describe(description);

/** A limit per minute. */
export const rate = (description: string) =>
  z
    .strictObject({
      perMinute: z
        .int({ error: ({ input }) => `${quote(input)} is not a valid rate; use a whole number, e.g. 60` })
        .positive({ error: 'must be at least 1' }),
    })
    .describe(description);
