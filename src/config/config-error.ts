/** A configuration error: its place, and a message with a remedy. */
export interface Problem {
  /** File name, or `environment`. */
  readonly file: string;
  readonly line?: number;
  /** The setting, such as `cache.maxBytes`. */
  readonly setting: string;
  readonly message: string;
}

/** Path of a setting in the parsed file: names and indexes. */
export type Path = readonly PropertyKey[];

/** A mapping of the parsed file, not yet validated. */
export type Raw = Record<string, unknown>;

/** Formats a path: `callers[0].keys`. */
export const show = (path: Path) =>
  path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');

const NO_LINE = Number.MAX_SAFE_INTEGER;

/** Sorts problems by line; those of the environment, which have no line, come last. */
export const inFileOrder = (problems: readonly Problem[]): Problem[] =>
  problems.toSorted((one, other) => (one.line ?? NO_LINE) - (other.line ?? NO_LINE));

/** `gateway.yaml:14 cache.maxBytes: '64MBs' is not a valid size; use e.g. 64MiB or 67108864` */
export const formatProblem = ({ file, line, setting, message }: Problem): string =>
  `${file}${line === undefined ? '' : `:${line}`}${setting === '' ? '' : ` ${setting}`}: ${message}`;
