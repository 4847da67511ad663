import type { RequestCompletedEvent } from './events.ts';

/** The project of a read that concerns no single project or organization. */
export const ACROSS_PROJECTS = '-';

/** Whether a status means that a request failed. 501 only means that the gateway does not serve a path. */
export const isFailure = (status: number): boolean => status >= 500 && status !== 501;

/** Whether a request was served from memory, fresh or stale. */
export const isHit = (cache: RequestCompletedEvent['cache']): boolean => cache === 'hit' || cache === 'stale';
