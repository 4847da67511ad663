import { readFileSync, writeFileSync } from 'node:fs';
import { machine, machineText } from './machine.mjs';

/** Replaces the text between `<!-- bench: NAME -->` and `<!-- end -->`; a page without these markers is not changed. */
function replaced(page, name, text) {
  const begin = `<!-- bench: ${name} -->`;
  const from = page.indexOf(begin);
  const to = page.indexOf('<!-- end -->', from);
  return from < 0 || to < 0 ? page : `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`;
}

/** Prints Markdown immediately; at the end also writes it into the pages of `--into`, and a machine-readable result to a file. */
export function createReport({ markdown, json, into }) {
  const parts = [];
  const results = {};
  return {
    /** `name` is the marker of this text in the pages of `--into`. */
    print(name, text) {
      parts.push({ name, text });
      process.stdout.write(`${text}\n\n`);
    },
    /** Prints the method, and the machine. */
    printSetup(name, text) {
      this.print(name, `${text}\n${machineText(machine())}`);
    },
    /** Prints progress to standard error; not part of the result. */
    tell(text) {
      process.stderr.write(`${text}\n`);
    },
    /** Adds to the machine-readable result. */
    keep(name, value) {
      results[name] = value;
    },
    end() {
      if (markdown !== undefined) writeFileSync(markdown, `${parts.map(({ text }) => text).join('\n\n')}\n`);
      if (json !== undefined)
        writeFileSync(json, `${JSON.stringify({ machine: machine(), results }, null, 2)}\n`);
      if (into !== undefined)
        writeFileSync(
          into,
          parts.reduce((page, { name, text }) => replaced(page, name, text), readFileSync(into, 'utf8')),
        );
    },
  };
}
