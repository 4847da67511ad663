/** What remains is low below this fraction of the whole. */
export const LOW_FRACTION = 0.25;

/** A bar for a ratio; hidden from screen readers because the number is next to it. */
export function Bar({ part, low = false }: { readonly part: number; readonly low?: boolean }) {
  const width = Math.max(0, Math.min(100, Math.round(part * 1_000) / 10));
  return (
    <svg class={low ? 'bar low' : 'bar'} viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
      <rect class="bar-all" width="100" height="6" />
      <rect class="bar-part" width={String(width)} height="6" />
    </svg>
  );
}
