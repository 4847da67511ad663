/** The middle one; of an even number the lower of the two in the middle. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}

/** Median, least and most. */
export const spread = (values) => ({
  median: median(values),
  least: Math.min(...values),
  most: Math.max(...values),
});

/** `12 (10 to 15)`; only the median where there is one value. */
export function spreadText(values, digits = 0) {
  const { median: middle, least, most } = spread(values);
  const text = (value) => (Number.isFinite(value) ? value.toFixed(digits) : '–');
  return values.length < 2 ? text(middle) : `${text(middle)} (${text(least)} to ${text(most)})`;
}
