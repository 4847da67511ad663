import { createHash } from 'node:crypto';
import { watch } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../lib/clock.ts';

export interface WatchOptions {
  readonly files: () => readonly string[];
  /** The content of a file; throws where it cannot be read. */
  readonly readFile: (path: string) => string;
  readonly onChange: () => void;
}

/** Well below the second within which a change has to work. */
const POLL_MS = 400;
const SETTLE_MS = 60;

/**
 * Tells when the content of one of the files has changed. Their folders are watched, for a quick answer, and the files are read again
 * every now and then beside it: a watch misses the second time that Kubernetes swaps the `..data` link of a mounted secret.
 */
export function watchFiles(
  { files, readFile, onChange }: WatchOptions,
  { clock }: { clock: Clock },
): { close(): void } {
  const fingerprint = () => {
    const hash = createHash('sha256');
    for (const file of files()) {
      try {
        hash.update(`${file}\n${readFile(file)}\n`);
      } catch {
        hash.update(`${file}\nmissing\n`);
      }
    }
    return hash.digest('hex');
  };
  let seen = fingerprint();
  let changing: string | undefined;
  let closed = false;
  const look = () => {
    if (closed) return;
    const now = fingerprint();
    if (now === seen) changing = undefined;
    else if (now !== changing) {
      // Editors and deployments empty a file before they fill it: what is read has to stay the same for a moment.
      changing = now;
      clock.after(SETTLE_MS, look);
    } else {
      seen = now;
      changing = undefined;
      const watched = files();
      onChange();
      // Another configuration names other files: they have just been read.
      if (files() !== watched) seen = fingerprint();
    }
  };
  let looking = false;
  /** Whatever else is written in these folders, however often: it is looked at once in a while. */
  const lookSoon = () => {
    if (looking) return;
    looking = true;
    clock.after(SETTLE_MS, () => {
      looking = false;
      look();
    });
  };
  const watchers = [...new Set(files().map((file) => dirname(file)))].flatMap((folder) => {
    try {
      const watcher = watch(folder, { persistent: false }, lookSoon);
      // A folder that goes away is still polled.
      watcher.on('error', () => watcher.close());
      return [watcher];
    } catch {
      return [];
    }
  });
  let cancel: () => void = () => undefined;
  const poll = () => {
    cancel = clock.after(POLL_MS, () => {
      look();
      if (!closed) poll();
    });
  };
  poll();
  return {
    close() {
      closed = true;
      cancel();
      for (const watcher of watchers) watcher.close();
    },
  };
}
