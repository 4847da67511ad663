import { readFileSync, writeFileSync } from 'node:fs';
import { machine, machineText } from './machine.mjs';
import { listed } from './options.mjs';

/** Replaces the text between `<!-- bench: NAME -->` and `<!-- end -->`; a page without these markers is not changed. */
function replaced(page, name, text) {
  const begin = `<!-- bench: ${name} -->`;
  const from = page.indexOf(begin);
  const to = page.indexOf('<!-- end -->', from);
  return from < 0 || to < 0 ? page : `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`;
}

const LINE_LENGTH = 118;

/** Breaks lines between words. Tables and headings stay as they are. */
function wrapped(text) {
  const wrap = (line) => line.replaceAll(new RegExp(`(.{1,${LINE_LENGTH}})(?: +|$)`, 'g'), '$1\n').trimEnd();
  return text
    .split('\n')
    .map((line) => (/^[|#]/.test(line) ? line : wrap(line)))
    .join('\n');
}

/** Prints Markdown immediately; at the end also writes it into the pages of `--into`, and a machine-readable result to a file. */
export function createReport({ markdown, json, into }) {
  const parts = [];
  const results = {};
  return {
    /** `name` is the marker of this text in the pages of `--into`, which have headings of their own in place of `title`. */
    print(name, unbroken, title) {
      const text = wrapped(unbroken);
      const titled = title === undefined ? text : `### ${title}\n\n${text}`;
      parts.push({ name, text, titled });
      process.stdout.write(`${titled}\n\n`);
    },
    /** Prints the method, then program, machine and day. */
    printSetup(name, text) {
      this.print(name, text);
      this.print('machine', machineText(machine()));
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
      if (markdown !== undefined)
        writeFileSync(markdown, `${parts.map(({ titled }) => titled).join('\n\n')}\n`);
      if (json !== undefined)
        writeFileSync(json, `${JSON.stringify({ machine: machine(), results }, null, 2)}\n`);
      if (into !== undefined)
        for (const path of listed(into))
          writeFileSync(
            path,
            parts.reduce((page, { name, text }) => replaced(page, name, text), readFileSync(path, 'utf8')),
          );
    },
  };
}
