import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { readdirSync, readFileSync, unlinkSync } from 'node:fs';
import { mkdir, open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Random } from '../lib/random.ts';

/** Records kept in a file across a restart, encrypted, whole or not at all. */
export interface CacheFile {
  /** Replaces the file; rejects where it cannot, and then the old file stays. */
  write(records: Iterable<Buffer>): Promise<void>;
  /** The records of the file; none where there is no file. Throws a sentence where it is not ours, broken, or of another key. */
  read(): Buffer[];
  /** Takes the file away, so that nothing in it comes back. */
  forget(): void;
  /** Removes what a process that was killed while it wrote this file has left behind. Throws where it cannot. */
  removeLeftovers(): void;
}

export interface CacheFileOptions {
  readonly path: string;
  readonly encryptionKey: string;
  /** What the records are true for; a file that was written for something else is not read. */
  readonly namespace: string;
  readonly maxBytes: number;
}

/** Name and version of the form: a file of another version is not read. */
const MARK = Buffer.from('atlas-gateway cache 1\n');
const IV_BYTES = 12;
const TAG_BYTES = 16;
const CIPHER = 'aes-256-gcm';
const SUFFIX_BYTES = 4;
const isMissing = (error: unknown) => error instanceof Error && 'code' in error && error.code === 'ENOENT';

function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/**
 * The file: mark, 12 bytes of initialization vector, then the records encrypted with AES-256-GCM, each after its length in four bytes, then
 * the tag. The namespace is authenticated with it. It is written beside its place and renamed, so that a reader never sees half of one.
 */
export function createCacheFile(
  { path, encryptionKey, namespace, maxBytes }: CacheFileOptions,
  { random }: { random: Random },
): CacheFile {
  const key = Buffer.from(hkdfSync('sha256', encryptionKey, '', 'atlas-gateway cache file', 32));
  const bound = Buffer.concat([MARK, Buffer.from(namespace)]);

  /** Files of this form beside the path are unfinished ones of this path. */
  const unfinishedPath = () => `${path}.${random.bytes(SUFFIX_BYTES).toString('hex')}.tmp`;
  const isUnfinished = (name: string): boolean => {
    const start = `${basename(path)}.`;
    return name.startsWith(start) && /^[a-f0-9]{8}\.tmp$/.test(name.slice(start.length));
  };

  async function fillFile(place: string, records: Iterable<Buffer>): Promise<void> {
    const iv = random.bytes(IV_BYTES);
    const cipher = createCipheriv(CIPHER, key, iv).setAAD(bound);
    const file = await open(place, 'wx', 0o600);
    try {
      // `appendFile` goes on after a short write, which `write` would only report; the rest then fails where the disk is full.
      await file.appendFile(Buffer.concat([MARK, iv]));
      for (const record of records) {
        const length = Buffer.alloc(4);
        length.writeUInt32LE(record.length);
        await file.appendFile(Buffer.concat([cipher.update(length), cipher.update(record)]));
      }
      await file.appendFile(Buffer.concat([cipher.final(), cipher.getAuthTag()]));
      await file.sync();
    } finally {
      await file.close();
    }
  }

  return {
    async write(records) {
      const place = unfinishedPath();
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      try {
        await fillFile(place, records);
        await rename(place, path);
      } catch (error) {
        await unlink(place).catch(() => undefined);
        throw error;
      }
    },
    read() {
      let file: Buffer;
      try {
        file = readFileSync(path);
      } catch (error) {
        if (isMissing(error)) return [];
        throw new Error('the file cannot be read');
      }
      const start = MARK.length + IV_BYTES;
      if (file.length > maxBytes) throw new Error('the file is larger than the cache');
      if (file.length < start + TAG_BYTES || !file.subarray(0, MARK.length).equals(MARK))
        throw new Error('the file is none of this version');
      const decipher = createDecipheriv(CIPHER, key, file.subarray(MARK.length, start)).setAAD(bound);
      decipher.setAuthTag(file.subarray(-TAG_BYTES));
      let plain: Buffer;
      try {
        plain = Buffer.concat([decipher.update(file.subarray(start, -TAG_BYTES)), decipher.final()]);
      } catch {
        throw new Error('the file was written with another key or for other credentials, or is damaged');
      }
      const records: Buffer[] = [];
      for (let at = 0; at + 4 <= plain.length; ) {
        const end = at + 4 + plain.readUInt32LE(at);
        if (end > plain.length) break;
        records.push(plain.subarray(at + 4, end));
        at = end;
      }
      return records;
    },
    forget: () => removeFile(path),
    removeLeftovers() {
      const folder = dirname(path);
      for (const name of namesIn(folder)) if (isUnfinished(name)) removeFile(join(folder, name));
    },
  };
}
