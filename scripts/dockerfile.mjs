// Parses a Dockerfile into its stages, as far as `npm run image:check` and the tests need it.

/** Lines without comments, continued ones joined. */
const logicalLines = (text) =>
  text
    .split('\n')
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');

function readInstruction(line) {
  const [, keyword = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
  const flags = {};
  let text = rest;
  for (let found = /^--([\w-]+)=(\S+)\s+/.exec(text); found; found = /^--([\w-]+)=(\S+)\s+/.exec(text)) {
    flags[found[1]] = found[2];
    text = text.slice(found[0].length);
  }
  return { keyword: keyword.toUpperCase(), flags, text };
}

/** `$NAME`, `${NAME}`, and `${NAME:+TEXT}`, which is TEXT unless NAME is empty. */
const substitute = (text, args) =>
  text.replaceAll(/\$\{(\w+)(?::\+([^}]*))?\}|\$(\w+)/g, (_whole, braced, alternative, bare) => {
    const value = args.get(braced ?? bare) ?? '';
    return alternative === undefined || value === '' ? value : alternative;
  });

/** The stages in order, with ARG values substituted: the defaults, or those of `buildArgs`. */
export function readDockerfile(text, buildArgs = {}) {
  // ARGs declared before the first FROM are only in scope in FROM lines.
  const args = new Map();
  const stages = [];
  let known = args;
  for (const { keyword, flags, text: raw } of logicalLines(text).map(readInstruction)) {
    if (keyword === 'FROM') {
      const [, base = '', name] = /^(\S+)(?:\s+AS\s+(\S+))?$/i.exec(substitute(raw, args)) ?? [];
      stages.push({ name, base, instructions: [] });
      known = new Map();
      continue;
    }
    const value = substitute(raw, known);
    if (keyword === 'ARG') {
      const [name, byDefault = args.get(value) ?? ''] = value.split('=', 2);
      known.set(name, buildArgs[name] ?? byDefault);
    } else if (stages.length === 0) throw new Error(`${keyword} appears before the first FROM`);
    stages.at(-1)?.instructions.push({ keyword, flags, text: value });
  }
  return { args, stages };
}

/** The last instruction of that kind in a stage, or undefined. */
export const lastOf = (stage, keyword) =>
  stage.instructions.findLast((instruction) => instruction.keyword === keyword);

/** The words of an exec form (`["node", "main.js"]`); throws for a shell form, which needs a shell and swallows signals. */
export function execForm(text) {
  const words = JSON.parse(text);
  if (!Array.isArray(words)) throw new Error(`${text} is not an exec form`);
  return words;
}

/** `NAME=value` pairs of ENV or LABEL lines. */
export function pairs(stage, keyword) {
  const found = new Map();
  for (const instruction of stage.instructions.filter((one) => one.keyword === keyword)) {
    for (const [, name, quoted, bare] of instruction.text.matchAll(/([\w.-]+)=(?:"([^"]*)"|(\S+))/g))
      found.set(name, quoted ?? bare);
  }
  return found;
}

/** Whether an allowlist .dockerignore (`*`, then exceptions) includes a path of the context. */
export function createContextFilter(text) {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (lines[0] !== '*' || lines.slice(1).some((line) => !/^![\w.-]+$/.test(line)))
    throw new Error('the .dockerignore must begin with *, followed by files and folders of the root');
  const admitted = new Set(lines.slice(1).map((line) => line.slice(1)));
  return { admitted, admits: (path) => admitted.has(path.split('/')[0]) };
}
