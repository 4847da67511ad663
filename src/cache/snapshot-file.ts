import { readdirSync, readFileSync, statSync, unlinkSync } from 'node:fs';
import { mkdir, open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { decrypt, deriveKeyFor, encrypt, IV_BYTES, TAG_BYTES } from '../lib/aes-gcm.ts';
import { codeOfError } from '../lib/error-code.ts';
import type { Random } from '../lib/random.ts';

/** An encrypted file of records that survives a restart; it is read completely or not at all. */
export interface CacheFile {
  /** Replaces the file atomically; if it rejects, the old file is unchanged. */
  write(records: Iterable<Buffer>): Promise<void>;
  /**
   * The records of the file, empty if there is no file. Throws with a readable message if the file is foreign, damaged, or encrypted with
   * another key.
   */
  read(): Buffer[];
  /** Deletes the file, so that its records are not restored. */
  remove(): void;
  /** Removes temporary files of a process that was killed while writing this file. Throws if that fails. */
  removeLeftovers(): void;
}

export interface CacheFileOptions {
  readonly path: string;
  readonly encryptionKey: string;
  /** What the records are valid for; a file with another namespace is rejected. */
  readonly namespace: string;
  readonly maxBytes: number;
}

/** Name and version of the format: a file of another version is rejected. */
const MARK = Buffer.from('atlas-gateway cache 2\n');
const SUFFIX_BYTES = 4;
const isMissing = (error: unknown) => codeOfError(error) === 'ENOENT';

/** The content of a file; undefined if there is none. A file over the limit is not read: memory might not suffice for it. */
function readBounded(path: string, maxBytes: number): Buffer | undefined {
  try {
    if (statSync(path).size <= maxBytes) return readFileSync(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new Error('the file cannot be read', { cause: error });
  }
  throw new Error('the file is larger than the cache');
}

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
 * Layout: mark, 12-byte initialization vector, the records encrypted with AES-256-GCM, each prefixed with its length in four bytes
 * (little-endian), authentication tag. The namespace is authenticated data. The file is written under a temporary name and renamed, so that
 * a reader never sees a partial file.
 */
export function createCacheFile(
  { path, encryptionKey, namespace, maxBytes }: CacheFileOptions,
  { random }: { random: Random },
): CacheFile {
  const key = deriveKeyFor('cache file', encryptionKey);
  const authenticated = Buffer.concat([MARK, Buffer.from(namespace)]);

  /** Files in the same directory whose name has this form are unfinished writes of this path. */
  const unfinishedPath = () => `${path}.${random.bytes(SUFFIX_BYTES).toString('hex')}.tmp`;
  const isUnfinished = (name: string): boolean => {
    const start = `${basename(path)}.`;
    return name.startsWith(start) && /^[a-f0-9]{8}\.tmp$/.test(name.slice(start.length));
  };

  async function writeRecords(temporaryPath: string, records: Iterable<Buffer>): Promise<void> {
    const iv = random.bytes(IV_BYTES);
    const encryption = encrypt({ key, iv, authenticated });
    const file = await open(temporaryPath, 'wx', 0o600);
    try {
      // `appendFile` continues after a short write, which `write` would only report; on a full disk the remainder then fails.
      await file.appendFile(Buffer.concat([MARK, iv]));
      for (const record of records) {
        const length = Buffer.alloc(4);
        length.writeUInt32LE(record.length);
        await file.appendFile(Buffer.concat([encryption.add(length), encryption.add(record)]));
      }
      await file.appendFile(encryption.end());
      await file.sync();
    } finally {
      await file.close();
    }
  }

  return {
    async write(records) {
      const temporaryPath = unfinishedPath();
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      try {
        await writeRecords(temporaryPath, records);
        await rename(temporaryPath, path);
      } catch (error) {
        await unlink(temporaryPath).catch(() => undefined);
        throw error;
      }
    },
    read() {
      const file = readBounded(path, maxBytes);
      if (file === undefined) return [];
      const start = MARK.length + IV_BYTES;
      if (file.length < start + TAG_BYTES || !file.subarray(0, MARK.length).equals(MARK))
        throw new Error('the file has an unknown format or version');
      const iv = file.subarray(MARK.length, start);
      const plain = decrypt({ key, iv, authenticated }, file.subarray(start));
      if (plain === undefined)
        throw new Error(
          'the file was encrypted with another key, belongs to other credentials, or is damaged',
        );
      const records: Buffer[] = [];
      for (let at = 0; at + 4 <= plain.length; ) {
        const end = at + 4 + plain.readUInt32LE(at);
        if (end > plain.length) break;
        records.push(plain.subarray(at + 4, end));
        at = end;
      }
      return records;
    },
    remove: () => removeFile(path),
    removeLeftovers() {
      const folder = dirname(path);
      for (const name of namesIn(folder)) if (isUnfinished(name)) removeFile(join(folder, name));
    },
  };
}
