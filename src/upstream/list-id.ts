import { hash } from 'node:crypto';

const LENGTH = 22;

/**
 * Identifies a list across its pages, filters included. It is a digest because maps that outlive the request have it as a key, and filters
 * may be of any length.
 */
export const listIdOf = (path: string, filters: string): string =>
  hash('sha256', `${path}?${filters}`, 'base64url').slice(0, LENGTH);
