import { parseArgs } from 'node:util';

const SHARED = {
  markdown: { type: 'string' },
  json: { type: 'string' },
  into: { type: 'string' },
  short: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
};

/** Parses the flags of a benchmark and the shared ones. Prints `usage` for `--help` and for unknown flags. */
export function readOptions(usage, own = {}) {
  const shared = `  --markdown FILE  writes what is printed into a file
  --json FILE      writes the result for machines
  --into A,B       puts it where these pages say <!-- bench: … -->, as docs/performance.md does
  --short          only checks that it works`;
  try {
    const { values } = parseArgs({ options: { ...SHARED, ...own } });
    if (!values.help) return values;
    process.stdout.write(`${usage}\n${shared}\n`);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${error.message}\n${usage}\n${shared}\n`);
    process.exit(2);
  }
}

/** Splits `a,b`; undefined if the flag was not given. */
export const listed = (text) => text?.split(',').map((part) => part.trim());
