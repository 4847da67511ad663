import { count } from '../format.ts';

/** The last row of a table that shows only some rows: `shown` says which. */
export function LeftOut({ shown, total }: { readonly shown: string; readonly total: number }) {
  return (
    <>
      The {shown} of {count(total)}; all of them are in <a href="/status.json">/status.json</a>.
    </>
  );
}
