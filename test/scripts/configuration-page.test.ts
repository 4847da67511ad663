import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { variableOf } from '../../src/config/env-overrides.ts';
import { toJsonSchema } from '../../src/config/json-schema.ts';
import { SCALAR_SETTINGS } from '../../src/config/schema.ts';

const page = readFileSync('docs/configuration.md', 'utf8');

/** Every name of the schema, however deep. */
function namesOf(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  return Object.entries(schema).flatMap(([key, value]) =>
    key === 'properties' ? [...Object.keys(value), ...namesOf(value)] : namesOf(value),
  );
}

test('the page of settings is the one of this schema; npm run docs writes it', () => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/configuration-page.mjs', '--check'], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
});

test('tells of every setting and every variable, and what each is for', () => {
  for (const name of namesOf(toJsonSchema())) expect(page).toContain(name);
  for (const setting of SCALAR_SETTINGS)
    expect(page).toMatch(new RegExp(`\\| \`${setting.replace('.', '\\.')}\` .*\`${variableOf(setting)}\``));
  const [, generated = ''] = /<!-- settings: .*?-->(.*)<!-- end of settings -->/s.exec(page) ?? [];
  const rows = generated.split('\n').filter((line) => line.startsWith('| `'));
  expect(rows.length).toBeGreaterThan(50);
  for (const row of rows) expect(row, 'a setting without a meaning').not.toMatch(/\| +\|$/);
});
