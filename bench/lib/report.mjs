import { writeFileSync } from 'node:fs';
import { machine, machineText } from './machine.mjs';

/** Prints Markdown as it comes; at the end writes all of it, and the same as JSON, where files are named for them. */
export function createReport({ markdown, json }) {
  const parts = [];
  const results = {};
  const report = {
    print(text) {
      parts.push(text);
      process.stdout.write(`${text}\n\n`);
    },
    /** For who looks on; no part of the result. */
    tell(text) {
      process.stderr.write(`${text}\n`);
    },
    /** Something for the machine-readable result. */
    keep(name, value) {
      results[name] = value;
    },
    end() {
      if (markdown !== undefined) writeFileSync(markdown, `${parts.join('\n\n')}\n`);
      if (json !== undefined)
        writeFileSync(json, `${JSON.stringify({ machine: machine(), results }, null, 2)}\n`);
    },
  };
  report.print(machineText(machine()));
  return report;
}
