/** The media type of OpenMetrics, as prom-client writes it. */
export const OPEN_METRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

const COUNTER = /^# TYPE (?<family>\S+)_total counter$/gm;

/**
 * Converts the text format of Prometheus to OpenMetrics 1.0: a counter is named without `_total` except in its samples, there are no empty
 * lines, and the text has an end mark. A registry of prom-client has one format, and two of them cannot share a counter, which each would
 * rename.
 */
export function toOpenMetrics(text: string): string {
  const counters = new Set([...text.matchAll(COUNTER)].map(([, family]) => family));
  const lines = text.split('\n').filter((line) => line !== '');
  const converted = lines.map((line) =>
    line.replace(/^(# (?:HELP|TYPE) )(\S+)_total /, (whole, start: string, family: string) =>
      counters.has(family) ? `${start}${family} ` : whole,
    ),
  );
  return `${converted.join('\n')}\n# EOF\n`;
}
