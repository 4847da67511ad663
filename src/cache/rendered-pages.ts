import { hash } from 'node:crypto';
import { promisify } from 'node:util';
import { type BrotliOptions, brotliCompress, brotliCompressSync, constants, gzip, gzipSync } from 'node:zlib';
import { LRUCache } from 'lru-cache';
import { compactBuffer } from '../lib/compact-buffer.ts';
import { createPartitionedLru, LRU_OVERHEAD } from '../lib/partitioned-lru.ts';

/** Content codings of a cached representation; `identity` is uncompressed. */
export type ContentCoding = 'identity' | 'br' | 'gzip';

/** A page in one content coding with its strong entity tag, which is specific to the bytes (RFC 9110 section 8.8.3). */
export interface Representation<CachedHead> {
  readonly bytes: Buffer;
  readonly etag: string;
  /** A short body as a Latin-1 string, which Node writes faster than a buffer. */
  readonly text: string | undefined;
  /** A response head that was prepared once for these bytes; evicted together with them. */
  cachedHead?: CachedHead;
}

/** A page in the content codings that were requested so far. */
export interface RenderedPage<CachedHead> {
  /** Whether the body is large enough for compression. */
  readonly compressible: boolean;
  readonly identity: Representation<CachedHead>;
  /** A promise while a large body is being compressed. */
  body(coding: ContentCoding): Representation<CachedHead> | Promise<Representation<CachedHead>>;
}

const MIN_COMPRESSED_BYTES = 1_024;
/** Above this size, copying the text costs more than a second write. */
const MAX_TEXT_BYTES = 16_384;
const BROTLI_QUALITY = 4;
/** A larger body is compressed in another thread: Brotli takes about 30 ms for a MiB. */
const MAX_SYNC_BYTES = 262_144;
/** The fraction of the memory for the keys of pages that were requested once. */
const REQUESTED_FRACTION = 0.0625;
/** Charged for such a key, in addition to its length. */
const REQUESTED_BYTES = 360;
/** Charged for a cached page, and for each representation in addition to its bytes: entry, objects, entity tags, prepared heads. */
const PAGE_BYTES = 704;
const REPRESENTATION_BYTES = 2_048;

type Compression = Exclude<ContentCoding, 'identity'>;

const brotliOptions = ({ length }: Buffer): BrotliOptions => ({
  params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY, [constants.BROTLI_PARAM_SIZE_HINT]: length },
});
const compressBrotli = promisify<Buffer, BrotliOptions, Buffer>(brotliCompress);
const compressGzip = promisify<Buffer, Buffer>(gzip);

const compressNow = (plain: Buffer, coding: Compression): Buffer =>
  coding === 'br' ? brotliCompressSync(plain, brotliOptions(plain)) : gzipSync(plain);
const compressLater = (plain: Buffer, coding: Compression): Promise<Buffer> =>
  coding === 'br' ? compressBrotli(plain, brotliOptions(plain)) : compressGzip(plain);

const shortText = (bytes: Buffer) => (bytes.length <= MAX_TEXT_BYTES ? bytes.toString('latin1') : undefined);

/** Bytes charged for a representation. */
const bytesOf = ({ bytes, text }: Representation<unknown>) =>
  bytes.length + (text?.length ?? 0) + REPRESENTATION_BYTES;
const cachedBytes = (key: string, page: RenderedPage<unknown>) =>
  key.length + PAGE_BYTES + bytesOf(page.identity);

/**
 * A body that is hashed once, and compressed when a content coding is first requested. `onEncoded` is called with each further
 * representation. Callers do not compress a body that is too small.
 */
export function createRenderedPage<CachedHead = never>(
  page: Buffer,
  onEncoded: (body: Representation<CachedHead>) => void = () => undefined,
): RenderedPage<CachedHead> {
  const plain = compactBuffer(page);
  const tag = hash('sha256', plain, 'base64url').slice(0, 27);
  const identity: Representation<CachedHead> = { bytes: plain, etag: `"${tag}"`, text: shortText(plain) };
  const representations: { [Coding in Compression]?: ReturnType<RenderedPage<CachedHead>['body']> } = {};

  function add(coding: Compression, compressed: Buffer): Representation<CachedHead> {
    const bytes = compactBuffer(compressed);
    const fresh: Representation<CachedHead> = { bytes, etag: `"${tag}-${coding}"`, text: shortText(bytes) };
    representations[coding] = fresh;
    onEncoded(fresh);
    return fresh;
  }

  function compress(coding: Compression): ReturnType<RenderedPage<CachedHead>['body']> {
    if (plain.length <= MAX_SYNC_BYTES) return add(coding, compressNow(plain, coding));
    const later = compressLater(plain, coding).then((bytes) => add(coding, bytes));
    representations[coding] = later;
    // A failure is of this request, which reports it; the next one compresses again.
    later.catch(() => delete representations[coding]);
    return later;
  }

  return {
    identity,
    compressible: plain.length >= MIN_COMPRESSED_BYTES,
    body: (coding) => (coding === 'identity' ? identity : (representations[coding] ?? compress(coding))),
  };
}

/** A cached page; `bytes` grow with its representations. */
interface Stored<CachedHead> {
  readonly page: RenderedPage<CachedHead>;
  readonly bytes: number;
}

/**
 * Remembers which pages were requested once. All projects share one `LRUCache`: a project whose lists are requested only once needs none of
 * its own, which takes longer to create than a short page to render.
 */
function createFirstRequests(maxBytes: number) {
  const requested = new LRUCache<string, true>({
    maxSize: Math.max(1, maxBytes),
    sizeCalculation: (_requested, id) => REQUESTED_BYTES + id.length,
  });
  return {
    /** Whether the page was requested before; the next request counts as its first again. */
    isRepeated(project: string, key: string): boolean {
      const id = `${project} ${key}`;
      if (requested.delete(id)) return true;
      requested.set(id, true);
      return false;
    },
    get bytes() {
      return requested.calculatedSize;
    },
  };
}

/** Rendered pages by project and key, bounded in bytes like the list cache: a page never goes stale, as its key identifies its body. */
export function createRenderedPages<CachedHead>({
  maxBytes,
  projectShare,
}: {
  maxBytes: number;
  projectShare: number;
}) {
  const requestedBytes = Math.floor(maxBytes * REQUESTED_FRACTION);
  const firstRequests = createFirstRequests(requestedBytes);
  const pageBytes = maxBytes - requestedBytes;
  const pages = createPartitionedLru<string, Stored<CachedHead>>({
    maxBytes: pageBytes,
    maxPartitionBytes: pageBytes * projectShare,
    overhead: LRU_OVERHEAD,
  });

  /** Adjusts the byte count of a page that gained a representation, and evicts the page if it has become too large. */
  function recount(project: string, key: string, page: RenderedPage<CachedHead>, more: number): void {
    const known = pages.get(project, key);
    if (known?.page !== page) return;
    if (!pages.set(project, key, { page, bytes: known.bytes + more })) pages.delete(project, key);
  }

  return {
    /**
     * The cached page for `key`, or the result of `render`. A page is cached from its second request on: most lists are requested only once
     * while they are fresh, and caching a short page costs twice its bytes. A key must always identify the same body.
     */
    get(project: string, key: string, render: () => Buffer): RenderedPage<CachedHead> {
      const known = pages.get(project, key);
      if (known !== undefined) return known.page;
      const page = createRenderedPage<CachedHead>(render(), (body) =>
        recount(project, key, page, bytesOf(body)),
      );
      if (firstRequests.isRepeated(project, key))
        pages.set(project, key, { page, bytes: cachedBytes(key, page) });
      return page;
    },
    get bytes() {
      return pages.bytes + firstRequests.bytes;
    },
  };
}
