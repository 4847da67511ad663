// What is recorded of a response or a command, and the file of all records: JSON lines, one record a line, each with a unique name.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { decodedBody, headerOf } from './http-client.mjs';
import { maskHeader, maskOutput, maskText } from './mask.mjs';

const MAX_BODY_CHARACTERS = 65_536;
const EXCERPT_CHARACTERS = 2_000;

/** Long bodies are recorded by their hash, with the beginning for people. */
function abbreviated(body) {
  if (body.length <= MAX_BODY_CHARACTERS) return body;
  const sha256 = createHash('sha256').update(body).digest('hex');
  return { characters: body.length, sha256, start: body.slice(0, EXCERPT_CHARACTERS) };
}

function maskedHeaders(response, replacements) {
  const length = String(response.body.length);
  const headers = {};
  for (const [name, value] of response.headers) {
    const isLength = name === 'content-length' && value === length && length !== '0';
    const masked = isLength ? '<length of the body>' : maskText(maskHeader(name, value), replacements);
    headers[name] = [...(headers[name] ?? []), masked];
  }
  const sorted = Object.entries(headers).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([name, values]) => [name, values.length === 1 ? values[0] : values]));
}

/** `mask` replaces the usual masking of the body. */
export function responseRecord(response, { replacements = [], mask = maskText } = {}) {
  if (response.error !== undefined) return { error: response.error };
  const body = mask(decodedBody(response), replacements);
  return {
    status: response.status,
    headers: maskedHeaders(response, replacements),
    body: typeof body === 'string' ? abbreviated(body) : body,
  };
}

/** `responses` are those of one connection. */
export const connectionRecord = ({ responses, rest, closed }, options) => ({
  responses: responses.map((response) => responseRecord(response, options)),
  rest: maskText(rest, options.replacements),
  closed,
});

/** How a command line ended. */
export const commandRecord = (
  args,
  { exitCode, stdout, stderr },
  { replacements = [], mask = maskOutput } = {},
) => ({
  arguments: args.map((argument) => maskText(argument, replacements)),
  exitCode,
  stdout: mask(stdout, replacements),
  stderr: mask(stderr, replacements),
});

/** Collects records in the order they are made; a name that is used twice is an error of the corpus. */
export function createRecorder() {
  const records = new Map();
  return {
    add(name, record) {
      if (records.has(name)) throw new Error(`two records have the name '${name}'`);
      records.set(name, record);
      return record;
    },
    size: () => records.size,
    all: () => [...records].map(([name, record]) => ({ name, ...record })),
  };
}

/** The records of several recorders, in their order. */
export function joinRecords(recorders) {
  const joined = createRecorder();
  for (const recorder of recorders)
    for (const { name, ...record } of recorder.all()) joined.add(name, record);
  return joined.all();
}

export const requestIdOf = (response) => headerOf(response, 'x-request-id');

export const writeRecords = (file, records) =>
  writeFileSync(file, records.map((record) => `${JSON.stringify(record)}\n`).join(''));

export const readRecords = (file) =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
