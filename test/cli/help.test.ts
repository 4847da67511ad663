import { describe, expect, test } from 'vitest';
import { readCommand } from '../../src/cli/command.ts';
import { helpOf } from '../../src/cli/help.ts';
import { addFlags, createParser } from '../../src/cli/parser.ts';
import { COMMANDS } from '../../src/cli/run.ts';
import { variableOf } from '../../src/config/env-overrides.ts';
import { SCALAR_SETTINGS } from '../../src/config/schema.ts';
import { say } from '../support/command.ts';

const commands = await Promise.all(COMMANDS.map(readCommand));
const KNOWN_VARIABLES = new Set([
  ...SCALAR_SETTINGS.map(variableOf),
  'ATLAS_GATEWAY_CONFIG',
  'MONGODB_ATLAS_CLIENT_ID',
  'MONGODB_ATLAS_CLIENT_SECRET',
  'MONGODB_ATLAS_PUBLIC_KEY',
  'MONGODB_ATLAS_PRIVATE_KEY',
  'NO_COLOR',
  'HTTPS_PROXY',
  'NO_PROXY',
  'NODE_EXTRA_CA_CERTS',
]);

describe.each(commands.map((command) => [command.name, command] as const))(
  'the help of %s',
  (name, command) => {
    const help = helpOf(command);

    test('is the same with --help, -h and help', async () => {
      for (const args of [
        [name, '--help'],
        [name, '-h'],
        ['help', name],
      ])
        expect(await say(args, { isTerminal: true })).toEqual({ code: 0, out: help, err: '' });
    });

    test('contains usage, description, every flag, exit codes and examples', () => {
      expect(help.startsWith(`Usage: atlas-gateway ${name}`)).toBe(true);
      for (const title of ['Flags:', 'Exit codes:', 'Examples:']) expect(help).toContain(`\n${title}\n`);
      for (const [flag, spec] of Object.entries(command.flags)) {
        expect(help).toContain(`\n  --${flag}`);
        if (spec.type === 'string') {
          expect(help).toContain(`--${flag} <${spec.value}>`);
          expect(spec.required ?? spec.defaultText, `${flag} has a default or is required`).toBeDefined();
          for (const variable of spec.variables ?? []) expect(help).toContain(variable);
        }
      }
      for (const [code] of command.help.exitCodes) expect(['0', '1', '2']).toContain(code);
    });

    test('is no wider than 80 columns, and not coloured', () => {
      for (const line of help.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
      expect(help).not.toMatch(/[^\P{Cc}\n]| \n/u);
      expect(help.endsWith('\n')).toBe(true);
    });

    test('mentions only existing environment variables', () => {
      const named = [...help.matchAll(/\b[A-Z]{2,}(?:_[A-Z0-9]+)+\b/g)].map(([variable]) => variable);
      expect(named.filter((variable) => !KNOWN_VARIABLES.has(variable))).toEqual([]);
    });

    test('contains examples that can be run', () => {
      const lines = command.help.examples.flatMap(([line]) => [
        ...line.matchAll(/atlas-gateway ([a-z-]+)((?: +[^\s<>|()&]+)*)/g),
      ]);
      expect(lines.length).toBeGreaterThan(0);
      for (const [, word, rest = ''] of lines) {
        const named = commands.find((one) => one.name === word);
        expect(named?.name).toBe(word);
        if (named === undefined) continue;
        const parser = createParser(named.name, { print: () => undefined, printError: () => undefined });
        addFlags(parser, named);
        const parts = rest.split(' ').filter((part) => part !== '');
        expect(() => parser.parse(parts, { from: 'user' })).not.toThrow();
      }
    });
  },
);

test('serve and check list the variables that override settings', () => {
  for (const name of ['serve', 'check']) {
    const command = commands.find((one) => one.name === name);
    const help = command === undefined ? '' : helpOf(command);
    for (const setting of SCALAR_SETTINGS) {
      expect(help).toContain(variableOf(setting));
      expect(help).toContain(setting);
    }
  }
});

test('help without a command lists all commands', async () => {
  const all = await say(['help']);
  expect(all).toEqual(await say(['--help']));
  for (const { name, summary } of commands) {
    expect(all.out).toContain(`\n  ${name} `);
    expect(all.out.replaceAll(/\s+/g, ' ')).toContain(summary);
  }
});

test.each([
  [['help', 'srve'], "'srve' is not one of"],
  [['help', 'srve'], "did you mean 'serve'?"],
  [['completion'], 'name a shell: atlas-gateway completion bash | zsh | fish'],
  [['completion', 'bsh'], "did you mean 'bash'?"],
  [['completion', 'bash', 'zsh'], "unexpected argument 'zsh': completion takes only one"],
  [['check', '--projects'], '--projects sends requests to Atlas: add --online'],
  [['check', '--online=yes'], '--online takes no value'],
  [['check', '--confg=x'], "unknown option '--confg': did you mean '--config'?"],
  [['serve', '--version'], "unknown option '--version'"],
  [['--confg'], "unknown option '--confg'"],
])('%j exits with 2 and prints: %s', async (args, sentence) => {
  const { code, err } = await say(args);
  expect(code).toBe(2);
  expect(err).toContain(sentence);
});
