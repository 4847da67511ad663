import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatProblem } from '../../src/config/config-error.ts';
import { loadConfig } from '../../src/config/load.ts';
import { SAMPLE_CREDENTIALS, SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { builtConfiguration, removeFolders, serveBuilt } from '../support/built.ts';
import { ACCEPT, ask, linksOf, startSimulator } from '../support/running.ts';

const SAMPLE = readFileSync('config/gateway.yaml', 'utf8');
const KNOWN = {
  operations: new Set(['listGroups']),
  tags: new Set(['Clusters']),
  readTags: new Set(['Clusters', 'Auditing']),
};
const load = (text: string) =>
  loadConfig({
    path: 'gateway.yaml',
    env: {},
    readFile: () => text,
    whyNotWritable: () => undefined,
    known: KNOWN,
  });
const problemsOf = (text: string) => {
  const loaded = load(text);
  return loaded.ok ? [] : loaded.problems.map(formatProblem);
};

describe('a configuration file that the YAML library throws on', () => {
  test.each([
    [
      'an alias without an anchor',
      'listen: {}\nmetrics: *typo\n',
      /^gateway\.yaml:2: \*typo refers to an undefined anchor; /,
    ],
    [
      'an alias before its anchor',
      'a: *later\nb: &later 1\n',
      /^gateway\.yaml:1: \*later refers to an undefined anchor; /,
    ],
    ['an alias of itself', 'a: &a [*a]\n', /^gateway\.yaml:1/],
    [
      'an alias bomb',
      `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghi'
        .split('')
        .map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[index]}`).join(',')}]`)
        .join('\n')}\n`,
      /^gateway\.yaml:1: is not valid YAML: .*; write the values out/,
    ],
    [
      'a merge of what is no mapping',
      '%YAML 1.1\n---\n<<: 1\n',
      /^gateway\.yaml:1: is not valid YAML: .*; write/,
    ],
    ['a merge', 'base: &base { port: 1 }\nlisten: { <<: *base }\n', /^gateway\.yaml:2 listen\.<<: /],
    ['nesting without end', '['.repeat(100_000), /^gateway\.yaml:1/],
    ['two documents', 'listen: {}\n---\nadmin: {}\n', /^gateway\.yaml:2: is not valid YAML/],
    ['a tab', 'listen:\n\tport: 1\n', /^gateway\.yaml:2: is not valid YAML/],
    ['nothing', '', /^gateway\.yaml:1: must be a mapping/],
    ['a file of another kind', '\u0000\u0001\u0002\uFFFD', /^gateway\.yaml:1/],
    ['a file that is too large', `a: ${'x'.repeat(5_000_000)}`, /^gateway\.yaml:1: is larger than/],
    ['keys that are lists', '? [a, b]\n: 1\n? {}\n: 2\n', /^gateway\.yaml:1/],
    ['an empty key', ': 1\n', /^gateway\.yaml:1/],
    ['names of an object’s own properties', '__proto__: { port: 1 }\nconstructor: 1\n', /^gateway\.yaml:/],
  ])('121: %s → problems with a line', (_name, text, expected) => {
    const problems = problemsOf(text);
    expect(problems.length).toBeGreaterThan(0);
    expect(
      problems.some((problem) => expected.test(problem)),
      problems.join('\n'),
    ).toBe(true);
  });

  test('121: any change in a file → a configuration, or problems with file and line; never an exception', () => {
    const pieces = [
      '*typo',
      '&a',
      '*a',
      '<<: *a',
      '!!binary x',
      '!foo',
      '? ',
      ': ',
      '- ',
      '{',
      '}',
      '[',
      ']',
      '"',
      "'",
      '|',
      '>',
      '#',
      '%YAML 1.1',
      '---',
      '...',
      '\t',
      '\n',
      '\u0000',
      '\u2028',
      '~',
      '0x',
      '1e999',
      '__proto__',
      '{ file: x }',
      '{ env: X }',
    ];
    const change = fc.record({
      at: fc.nat(SAMPLE.length),
      remove: fc.oneof(fc.constant(0), fc.nat(40)),
      insert: fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 8, unit: 'binary' })),
    });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        let text = SAMPLE;
        for (const { at, remove, insert } of changes)
          text = text.slice(0, at) + insert + text.slice(at + remove);
        const loaded = load(text);
        if (loaded.ok) return;
        expect(loaded.problems.length).toBeGreaterThan(0);
        for (const { file, line, message } of loaded.problems) {
          expect(message).not.toBe('');
          expect(file === 'environment' || (line ?? 0) >= 1).toBe(true);
        }
      }),
      { numRuns: 250 },
    );
  });
});

test('121: any content in the configuration of a running gateway → it continues with the old one and reports a remedy', async () => {
  const { simulator, atlas } = await startSimulator();
  const built = await serveBuilt(builtConfiguration(atlas));
  const list = async () =>
    (await ask(built.origin, linksOf(SAMPLE_PROJECTS.orders), { headers: { accept: ACCEPT } })).status;
  const rejected = async () =>
    Number(
      /config_reloads_total\{outcome="rejected"\} (\d+)/.exec(
        (await ask(built.admin, '/metrics')).text,
      )?.[1] ?? 0,
    );
  const good = readFileSync(built.path, 'utf8');
  const broken = [
    `${good}metrics: *typo\n`,
    `${good}cache: { <<: 1 }\n`,
    `%YAML 1.1\n---\n${good}metrics: { <<: 1 }\n`,
    `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c]\n`,
    '['.repeat(100_000),
    '\u0000\uFFFF',
  ];
  for (const [index, text] of broken.entries()) {
    writeFileSync(built.path, text);
    await expect.poll(rejected, { timeout: 5_000, interval: 50 }).toBe(index + 1);
    expect(await list()).toBe(200);
  }
  expect(built.output()).toContain(':8: *typo refers to an undefined anchor; quote the value');
  // A secret that is mounted after the configuration that names it.
  const secret = join(dirname(built.path), 'later');
  writeFileSync(built.path, good.replace('{ env: SECRET }', '{ file: later }'));
  await expect
    .poll(async () => (await ask(built.admin, '/metrics')).text, { timeout: 5_000 })
    .toContain('config_reloads_total{outcome="partial"} 1');
  writeFileSync(secret, SAMPLE_CREDENTIALS.serviceAccount.clientSecret);
  await expect
    .poll(async () => (await ask(built.admin, '/metrics')).text, { timeout: 5_000 })
    .toContain('config_reloads_total{outcome="applied"} 1');
  writeFileSync(built.path, `${good}\n# good again\n`);
  await expect
    .poll(async () => (await ask(built.admin, '/metrics')).text, { timeout: 5_000 })
    .toContain('config_reloads_total{outcome="applied"} 2');
  expect(await list()).toBe(200);
  built.child.kill('SIGTERM');
  expect(await built.ended).toBe(0);
  await simulator.close();
  removeFolders();
});
