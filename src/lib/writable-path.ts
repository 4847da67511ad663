import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';

function kindOf(path: string): 'folder' | 'file' | 'other' | 'missing' {
  try {
    const stats = statSync(path);
    return stats.isDirectory() ? 'folder' : stats.isFile() ? 'file' : 'other';
  } catch {
    // Or not visible to this user: the check of the parent folder then reports why.
    return 'missing';
  }
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Why a file cannot be written at a path, and how to fix it; undefined if it can. Missing folders are fine, as they can be created. */
export function whyNotWritable(path: string): string | undefined {
  switch (kindOf(path)) {
    case 'folder':
      return 'is a folder; use the path of a file in it';
    case 'other':
      return 'is not a regular file; use another path';
    case 'file':
    case 'missing':
  }
  let folder = dirname(path);
  while (kindOf(folder) === 'missing' && folder !== dirname(folder)) folder = dirname(folder);
  if (kindOf(folder) !== 'folder') return `cannot be written: ${folder} is not a folder; use another path`;
  return isWritable(folder)
    ? undefined
    : `cannot be written: the folder ${folder} is not writable for this user; change its owner, or use another path`;
}
