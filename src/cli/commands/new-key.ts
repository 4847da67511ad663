import { createHash } from 'node:crypto';
import { keyHa1 } from '../../gateway/auth/digest-auth.ts';
import type { Random } from '../../lib/random.ts';
import { type CommandBody, readText, UsageError } from '../command.ts';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const ID_LENGTH = 12;
const SECRET_BYTES = 32;

/** Creates a caller key: an id for lookup, and 256 random bits as 43 base64url characters. */
export function createKey(random: Random): { readonly id: string; readonly secret: string } {
  let letters = '';
  while (letters.length < ID_LENGTH) {
    // 248 is the largest multiple of 62 in a byte; larger bytes would bias the choice of letters.
    for (const byte of random.bytes(ID_LENGTH))
      if (byte < 248 && letters.length < ID_LENGTH) letters += LETTERS[byte % LETTERS.length];
  }
  return { id: `agw_${letters}`, secret: random.bytes(SECRET_BYTES).toString('base64url') };
}

export const newKey: CommandBody = {
  flags: {
    caller: {
      type: 'string',
      value: 'NAME',
      description: 'The caller the key is for: up to 63 letters, digits, dots, dashes and underscores.',
      required: true,
    },
    'ha1-file': {
      type: 'string',
      value: 'PATH',
      description: 'Writes the HA1 hashes that HTTP digest needs to a new file, readable only by its owner.',
      defaultText: 'the key is for bearer tokens and OAuth only',
    },
  },
  help: {
    description: [
      'Prints the key once, and the configuration lines that admit it. The configuration contains only the SHA-256 of the secret, from which the secret cannot be recovered. Replace lost keys with new ones.',
      'To rotate a key, add the new one under callers[].keys, and remove the old one when all clients use the new one.',
    ],
    files: [
      [
        'PATH',
        'HA1 of the secret (RFC 7616). Keep it secret: anyone who can read it can answer digest challenges.',
      ],
    ],
    exitCodes: [
      ['0', 'A key was created.'],
      ['2', 'Invalid usage, or the file already exists or cannot be written.'],
    ],
    examples: [
      ['atlas-gateway new-key --caller team-orders', 'Creates a key for a team.'],
      [
        'atlas-gateway new-key --caller team-orders --ha1-file team-orders.ha1',
        'Creates one that also works with HTTP digest.',
      ],
    ],
  },
  async run(flags, { print, random, writeFile }) {
    const caller = readText(flags, 'caller');
    if (caller === undefined) throw new UsageError('--caller NAME is required: the caller the key is for');
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(caller))
      throw new UsageError('--caller must consist of letters, digits, dots, dashes and underscores');
    const { id, secret } = createKey(random);
    const ha1File = readText(flags, 'ha1-file');
    if (ha1File !== undefined) {
      try {
        writeFile(ha1File, `${keyHa1('MD5', id, secret)}\n${keyHa1('SHA-256', id, secret)}\n`);
      } catch {
        throw new UsageError(
          `${ha1File} cannot be written; --ha1-file must name a new file in a writable folder`,
        );
      }
    }
    print(`Give this to ${caller}; it is not shown again:

  Authorization: Bearer ${id}_${secret}

Clients that support only HTTP digest or OAuth use its two parts: user or client id ${id}, password or client secret

  ${secret}

Add this to the configuration:

callers:
  - name: ${caller}
    keys:
      - id: ${id}
        sha256: '${createHash('sha256').update(secret).digest('hex')}'${ha1File === undefined ? '' : `\n        ha1: { file: '${ha1File}' }`}
    projects: all          # or a list of project ids
    operations: reads      # or lists, tags, ids
`);
    return 0;
  },
};
