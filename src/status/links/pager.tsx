import { count } from '../format.ts';

/** Buttons to the previous and next page; nothing if there is only one. */
export function Pager({ page, pages }: { readonly page: number; readonly pages: number }) {
  if (pages <= 1) return null;
  const button = (to: number, text: string) => (
    <button type="submit" form="filters" name="page" value={String(to)} disabled={to < 1 || to > pages}>
      {text}
    </button>
  );
  return (
    <nav class="pager" aria-label="Pages of the table">
      {button(page - 1, 'Previous')}
      <span>
        Page {count(page)} of {count(pages)}
      </span>
      {button(page + 1, 'Next')}
    </nav>
  );
}
