import { createHash } from 'node:crypto';
import { watch } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../lib/clock.ts';

export interface WatchOptions {
  readonly files: () => readonly string[];
  /** Returns the content of a file; throws if it cannot be read. */
  readonly readFile: (path: string) => string;
  readonly onChange: () => void;
}

/** Changes must apply within a second. */
const POLL_MS = 400;
const SETTLE_MS = 60;

/** A hash of the contents of files; a missing file counts as content of its own. */
function fingerprintOf(files: readonly string[], readFile: (path: string) => string): string {
  const hash = createHash('sha256');
  for (const file of files) {
    try {
      hash.update(`${file}\n${readFile(file)}\n`);
    } catch {
      hash.update(`${file}\nmissing\n`);
    }
  }
  return hash.digest('hex');
}

/** Calls `onEvent` for any event in the folders of the files; returns a function that stops watching. */
function watchFolders(files: readonly string[], onEvent: () => void): () => void {
  const watchers = [...new Set(files.map((file) => dirname(file)))].flatMap((folder) => {
    try {
      const watcher = watch(folder, { persistent: false }, onEvent);
      // Polling continues if the folder disappears.
      watcher.on('error', () => watcher.close());
      return [watcher];
    } catch {
      return [];
    }
  });
  return () => {
    for (const watcher of watchers) watcher.close();
  };
}

/**
 * Calls `onChange` when the content of one of the files has changed. It watches their folders for a fast reaction, and also polls the
 * files: a watch misses the second time that Kubernetes swaps the `..data` link of a mounted secret.
 */
export function watchFiles(
  { files, readFile, onChange }: WatchOptions,
  { clock }: { clock: Clock },
): { close(): void } {
  const fingerprint = () => fingerprintOf(files(), readFile);
  let seen = fingerprint();
  let pending: string | undefined;
  let closed = false;

  function check(): void {
    if (closed) return;
    const now = fingerprint();
    if (now === seen) pending = undefined;
    else if (now !== pending) {
      // Editors and deployments may truncate a file before they write it, so the content must be stable for SETTLE_MS.
      pending = now;
      clock.after(SETTLE_MS, check);
    } else {
      seen = now;
      pending = undefined;
      const watched = files();
      onChange();
      // Another configuration names other files: they have just been read.
      if (files() !== watched) seen = fingerprint();
    }
  }

  let isScheduled = false;
  /** Limits how often events of unrelated files in these folders cause a check. */
  function scheduleCheck(): void {
    if (isScheduled) return;
    isScheduled = true;
    clock.after(SETTLE_MS, () => {
      isScheduled = false;
      check();
    });
  }

  const stopWatching = watchFolders(files(), scheduleCheck);
  let cancelPoll: () => void = () => undefined;
  function poll(): void {
    cancelPoll = clock.after(POLL_MS, () => {
      // First, so that polling survives a check that throws.
      poll();
      check();
    });
  }
  poll();
  return {
    close() {
      closed = true;
      cancelPoll();
      stopWatching();
    },
  };
}
