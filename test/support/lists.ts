import { operations } from '../../src/atlas/operations.ts';

/** The lists of the catalog. */
export const lists = operations.filter(({ kind }) => kind === 'list');
