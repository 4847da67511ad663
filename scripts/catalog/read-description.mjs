// Reads an OpenAPI description from JSON or YAML. Every JSON text is also YAML, so one parser reads both and names line and column.
import { LineCounter, parseDocument } from 'yaml';
import { problem } from './problem.mjs';

/** Ten times the size of Atlas's description. */
const MAX_LENGTH = 32 * 1024 * 1024;
const MAX_SYNTAX_ERRORS = 3;

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

function checkSyntax(document, text) {
  if (document.errors.length === 0) return;
  if (document.errors.some(({ code }) => code === 'RESOURCE_EXHAUSTION'))
    throw problem('', 'is nested too deeply');
  const said = document.errors.slice(0, MAX_SYNTAX_ERRORS).map(({ message, linePos: [start] = [] }) => {
    const [what] = message.split(' at line ');
    return start === undefined ? what : `line ${start.line}, column ${start.col}: ${what}`;
  });
  const last = document.errors.some(({ pos: [start] }) => start >= text.trimEnd().length);
  throw problem('', `${said.join('; ')}${last ? '. The file may have been cut off' : ''}`);
}

/** The description that a text contains; throws if it is not one. */
export function readDescription(text) {
  if (text.trim() === '') throw problem('', 'is empty');
  if (text.length > MAX_LENGTH)
    throw problem('', `has ${text.length} characters; a description has at most ${MAX_LENGTH}`);
  const document = parseDocument(text, {
    lineCounter: new LineCounter(),
    uniqueKeys: true,
    logLevel: 'error',
  });
  checkSyntax(document, text);
  let description;
  try {
    description = document.toJS({ maxAliasCount: 0 });
  } catch {
    throw problem('', 'contains YAML aliases, which could be cyclic; use $ref');
  }
  if (!isObject(description) || !/^3\./.test(description.openapi))
    throw problem('openapi', 'is not a version 3 of OpenAPI; is this the description of the API?');
  if (!isObject(description.paths)) throw problem('paths', 'is missing; is this the description of the API?');
  return description;
}
