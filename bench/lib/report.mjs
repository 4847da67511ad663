import { readFileSync, writeFileSync } from 'node:fs';
import { machine, machineText } from './machine.mjs';

/** Puts text between `<!-- bench: NAME -->` and `<!-- end -->` of a page; a page without that place stays as it is. */
function replaced(page, name, text) {
  const begin = `<!-- bench: ${name} -->`;
  const from = page.indexOf(begin);
  const to = page.indexOf('<!-- end -->', from);
  return from < 0 || to < 0 ? page : `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`;
}

/** Prints Markdown as it comes; at the end writes it into files that are named for it, and the result for machines into another. */
export function createReport({ markdown, json, into }) {
  const parts = [];
  const results = {};
  return {
    /** `name`: the place of this text in the page of `--into`. */
    print(name, text) {
      parts.push({ name, text });
      process.stdout.write(`${text}\n\n`);
    },
    /** How it was measured, and on what. */
    printSetup(name, text) {
      this.print(name, `${text}\n${machineText(machine())}`);
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
