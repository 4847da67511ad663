import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCommand } from '../../../src/cli/command.ts';
import { COMMANDS } from '../../../src/cli/run.ts';
import { say } from '../../support/command.ts';

const commands = await Promise.all(COMMANDS.map(readCommand));
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'atlas-gateway-completion-'));
  writeFileSync(join(folder, 'gateway.yaml'), '');
  writeFileSync(join(folder, 'gate two.yaml'), '');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Writes the script for a shell to a file. */
async function scriptFor(shell: string): Promise<string> {
  const { out } = await say(['completion', shell]);
  const path = join(folder, `script.${shell}`);
  writeFileSync(path, out);
  return path;
}

/** `atlas-gateway` and `words`, quoted for the shell. */
const quoted = (words: readonly string[]) => ['atlas-gateway', ...words].map((word) => `'${word}'`).join(' ');

function sh(shell: string, args: readonly string[]): string[] {
  const { stdout, stderr, status } = spawnSync(shell, args, { cwd: folder, encoding: 'utf8' });
  expect([stderr, status]).toEqual(['', 0]);
  return stdout.split('\n').filter((line) => line !== '');
}

const isInstalled = (shell: string): boolean => {
  const installed = spawnSync(shell, ['--version']).status === 0;
  if (!installed) process.stdout.write(`${shell} is not installed: its completion is not tested\n`);
  return installed;
};

const names = commands.map(({ name }) => name);
const flagsOf = (name: string) => [
  ...Object.keys(commands.find((one) => one.name === name)?.flags ?? {}).map((flag) => `--${flag}`),
  '--help',
];

describe.skipIf(!isInstalled('bash'))('in bash', () => {
  /** The completions offered for the last word. */
  async function complete(...words: string[]): Promise<string[]> {
    const script = await scriptFor('bash');
    return sh('bash', [
      '--norc',
      '-c',
      `source '${script}'; COMP_WORDS=(${quoted(words)}); COMP_CWORD=${words.length}; _atlas_gateway; printf '%s\\n' "\${COMPREPLY[@]}"`,
    ]);
  }

  test('offers all commands, or those that begin with the word', async () => {
    expect(await complete('')).toEqual([...names, '--help', '--version']);
    expect(await complete('he')).toEqual(['healthcheck', 'help']);
  });

  test.each(names)('offers the flags of %s', async (name) => {
    expect(await complete(name, '--')).toEqual(flagsOf(name));
  });

  test('offers files for a file flag, also with spaces in their names', async () => {
    expect((await complete('serve', '--config', 'gate')).sort()).toEqual(['gate two.yaml', 'gateway.yaml']);
    expect((await complete('check', '--config', '=', 'gateway')).sort()).toEqual(['gateway.yaml']);
    expect(await complete('check', '--config', '=')).toContain('gateway.yaml');
  });

  test('offers nothing for free values, and the choices of an argument', async () => {
    expect(await complete('demo', '--port', '')).toEqual([]);
    expect(await complete('completion', '')).toEqual(['bash', 'zsh', 'fish']);
    expect(await complete('help', 'se')).toEqual(['serve']);
    expect(await complete('nothing', '')).toEqual([]);
  });
});

describe.skipIf(!isInstalled('zsh'))('in zsh', () => {
  /** The arguments with which the script calls zsh's completion functions. */
  async function complete(...words: string[]): Promise<string[]> {
    const script = await scriptFor('zsh');
    return sh('zsh', [
      '-fc',
      `compdef() { : }; _describe() { print -rl -- "\${(@P)2}" }; _arguments() { print -rl -- "$@" }
       source '${script}'; words=(${quoted(words)}); CURRENT=${words.length + 1}; _atlas_gateway`,
    ]);
  }

  test('offers every command with its summary', async () => {
    expect((await complete('')).map((line) => line.split(':')[0])).toEqual(names);
  });

  test.each(names)('offers the flags of %s', async (name) => {
    const offered = (await complete(name, '')).filter((line) => line.startsWith('--'));
    expect(offered.map((line) => line.split(/[=[]/)[0])).toEqual(flagsOf(name));
  });

  test('offers files for a file flag', async () => {
    expect((await complete('serve', '')).find((line) => line.startsWith('--config'))).toMatch(
      /:file:_files$/,
    );
  });
});

describe.skipIf(!isInstalled('fish'))('in fish', () => {
  const complete = async (line: string) =>
    sh('fish', ['--no-config', '-c', `source '${await scriptFor('fish')}'; complete -C '${line}'`]).map(
      (offered) => offered.split('\t')[0],
    );

  test('offers commands, flags, choices and files', async () => {
    expect(await complete('atlas-gateway ')).toEqual(expect.arrayContaining(names));
    expect(await complete('atlas-gateway chec')).toEqual(['check']);
    for (const name of names)
      expect((await complete(`atlas-gateway ${name} --`)).sort()).toEqual(flagsOf(name).sort());
    expect((await complete('atlas-gateway completion ')).sort()).toEqual(['bash', 'fish', 'zsh']);
    expect(await complete('atlas-gateway serve --config gateway')).toEqual(['gateway.yaml']);
  });
});
