import type { PageResult } from './fetch-page.ts';
import type { WholeList } from './progress.ts';

/**
 * The result of a walk. `walked`: every item of the list, once. `too-long`: the list has more items than the maximum. `torn`: the list
 * changed during every attempt, so no consistent view of it exists.
 */
export type WalkResult =
  | ({ readonly type: 'walked' } & WholeList)
  | { readonly type: 'too-long' }
  | { readonly type: 'torn' }
  | Exclude<PageResult, { type: 'list' }>;
