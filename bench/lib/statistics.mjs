/** The median; the lower of the two middle values if the count is even. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}

/** Median, minimum and maximum. */
export const spread = (values) => ({
  median: median(values),
  least: Math.min(...values),
  most: Math.max(...values),
});

/** `12 (10–15)`; only the median for a single value. */
export function spreadText(values, digits = 0) {
  const { median: middle, least, most } = spread(values);
  const text = (value) => (Number.isFinite(value) ? value.toFixed(digits) : '–');
  return values.length < 2 ? text(middle) : `${text(middle)} (${text(least)}–${text(most)})`;
}

/** `12 (11–13)`: median, 10th and 90th percentile, for many short measurements of which a few include garbage collection. */
export function middleText(values, digits = 0) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part) => (sorted[Math.floor((sorted.length - 1) * part)] ?? Number.NaN).toFixed(digits);
  return `${at(0.5)} (${at(0.1)}–${at(0.9)})`;
}
