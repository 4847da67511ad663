import { createHash } from 'node:crypto';
import { hashA1 } from '../../gateway/auth/digest-auth.ts';
import type { Random } from '../../lib/random.ts';
import { type CommandBody, readText, UsageError } from '../command.ts';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const ID_LENGTH = 12;
const SECRET_BYTES = 32;

/** A caller key: an id to find it by, and 256 random bits as 43 base64url characters. */
export function createKey(random: Random): { readonly id: string; readonly secret: string } {
  let letters = '';
  while (letters.length < ID_LENGTH) {
    // 248 is the largest multiple of 62 in a byte: bytes over it would make some letters likelier than others.
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
      description: 'Writes what HTTP digest needs into a new file, readable by its owner only.',
      defaultText: 'the key is for bearer tokens and OAuth only',
    },
  },
  help: {
    description: [
      'Prints the key once, and the lines of the configuration that admit it. The configuration holds only the SHA-256 of the secret, from which nobody gets the secret back. Lost keys are made anew.',
      'To change a key, put the new one beside the old under callers[].keys, and take the old one away when everybody has the new one.',
    ],
    files: [['PATH', 'HA1 of the secret (RFC 7616): who reads it can answer digest challenges.']],
    exitCodes: [
      ['0', 'A key was made.'],
      ['2', 'Wrong usage, or the file is there already or cannot be written.'],
    ],
    examples: [
      ['atlas-gateway new-key --caller team-orders', 'A key for a team.'],
      [
        'atlas-gateway new-key --caller team-orders --ha1-file team-orders.ha1',
        'One that works with HTTP digest too.',
      ],
    ],
  },
  async run(flags, { print, random, writeFile }) {
    const caller = readText(flags, 'caller');
    if (caller === undefined) throw new UsageError('--caller NAME is needed: who is the key for?');
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(caller))
      throw new UsageError('--caller must be a name of letters, digits, dots and dashes');
    const { id, secret } = createKey(random);
    const ha1File = readText(flags, 'ha1-file');
    if (ha1File !== undefined) {
      try {
        writeFile(ha1File, `${hashA1('MD5', id, secret)}\n${hashA1('SHA-256', id, secret)}\n`);
      } catch {
        throw new UsageError(`${ha1File} cannot be written; --ha1-file names a new file`);
      }
    }
    print(`Give this to ${caller}; it is not shown again:

  Authorization: Bearer ${id}_${secret}

Clients that know only HTTP digest or OAuth take its two halves: user or client id ${id}, password or client secret

  ${secret}

Add this to the configuration:

callers:
  - name: ${caller}
    keys:
      - id: ${id}
        sha256: '${createHash('sha256').update(secret).digest('hex')}'${ha1File === undefined ? '' : `\n        ha1: { file: '${ha1File}' }`}
    projects: all          # or a list of project ids
    operations: lists
`);
    return 0;
  },
};
