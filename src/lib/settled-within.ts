import type { Clock } from './clock.ts';

/** Resolves when the promise settles, whether or not it is fulfilled, or after `ms`: for work that may fail and must not be waited for. */
export function settledWithin(
  work: Promise<unknown>,
  ms: number,
  { clock }: { clock: Clock },
): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, resolve);
    const settled = () => {
      cancel();
      resolve();
    };
    work.then(settled, settled);
  });
}
