type Replacements = readonly (readonly [found: string, placeholder: string])[];

export function maskHeader(name: string, value: string): string;
export function maskText(text: string, replacements?: Replacements): string;
export function maskOutput(text: string, replacements?: Replacements): string;
export function maskKey(text: string): string;
export function maskMetrics(text: string): string[];
export function maskStatus(value: unknown): unknown;
export function maskPage(html: string, replacements?: Replacements): string;
export function maskLogLine(
  line: Readonly<Record<string, unknown>>,
  replacements?: Replacements,
): Record<string, unknown>;
