import { createHmac } from 'node:crypto';
import type { Random } from '../lib/random.ts';
import type { Seal } from '../lib/sealed-box.ts';
import { readMessage, secretForm } from './wire-schemas.ts';

/** The secret as the engine stores it and as it was opened. */
export interface OpenedSecret {
  readonly id: string;
  /** The key of the HMAC that key names are derived with. */
  readonly names: Buffer;
  readonly sealed: Buffer;
}

/** The group's secret, without which key names reveal nothing about their parts. The engine stores it sealed. */
export interface GroupSecret {
  /** Undefined before this gateway has joined. */
  readonly current: OpenedSecret | undefined;
  /** What the engine is to store if it has no secret: the current one, else a new one. */
  proposal(): Promise<Buffer>;
  /** Opens the secret that the engine has; undefined if it is damaged. */
  open(sealed: Buffer): Promise<OpenedSecret | undefined>;
  /** The secret sealed with the current key, for an engine that has it under the previous one. */
  reseal(opened: OpenedSecret): Promise<Buffer>;
  adopt(opened: OpenedSecret): void;
  /** A key name; undefined before this gateway has joined. */
  keyFor(kind: string, ...parts: readonly string[]): string | undefined;
}

/** Characters of a derived name, Base64url: 144 bits. */
export const NAME_LENGTH = 24;

/** `place` is the engine's key under which the secret is stored. */
export function createGroupSecret(
  { place }: { place: string },
  { seal, random }: { seal: Seal; random: Random },
): GroupSecret {
  let current: OpenedSecret | undefined;
  const sealed = (id: string, names: string) => seal.seal(place, Buffer.from(JSON.stringify({ id, names })));

  return {
    get current() {
      return current;
    },
    async proposal() {
      return (
        current?.sealed ??
        sealed(random.bytes(9).toString('base64url'), random.bytes(32).toString('base64url'))
      );
    },
    async open(found) {
      if (current?.sealed.equals(found) === true) return current;
      const opened = readMessage(secretForm, await seal.open(place, found));
      return opened === undefined
        ? undefined
        : { id: opened.id, names: Buffer.from(opened.names, 'base64url'), sealed: found };
    },
    reseal: ({ id, names }) => sealed(id, names.toString('base64url')),
    adopt(opened) {
      current = opened;
    },
    keyFor(kind, ...parts) {
      if (current === undefined) return undefined;
      return createHmac('sha256', current.names)
        .update(JSON.stringify([kind, ...parts]))
        .digest('base64url')
        .slice(0, NAME_LENGTH);
    },
  };
}
