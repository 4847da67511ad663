import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'shapes-'));
afterAll(() => rmSync(folder, { recursive: true }));

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const answer = (version: string, schema: object) => ({
  responses: { 200: { content: { [`application/vnd.atlas.${version}+json`]: { schema } } } },
});

const SCHEMAS = {
  Page: { type: 'object', properties: { results: { type: 'array', items: ref('Animal') } } },
  Animal: {
    type: 'object',
    discriminator: { propertyName: 'kind', mapping: { CAT: '#/components/schemas/Cat' } },
    oneOf: [ref('Cat'), ref('Dog')],
    properties: { name: { type: 'string' } },
    required: ['name'],
  },
  Cat: {
    type: 'object',
    allOf: [
      { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
      {
        type: 'object',
        properties: {
          kind: { type: 'string' },
          kittens: { type: 'array', items: ref('Cat') },
          password: { type: 'string', writeOnly: true },
        },
      },
    ],
  },
  Dog: {
    type: 'object',
    properties: {
      born: { type: 'string', format: 'date-time', nullable: true },
      id: { type: 'string', pattern: '^([a-f0-9]{24})$' },
      legs: { type: 'integer', minimum: 3, maximum: 4 },
      size: { type: 'string', enum: ['S', 'L'] },
    },
  },
};

function generate(schemas: object): string {
  const input = join(folder, 'description.json');
  const output = join(folder, 'shapes.ts');
  const paths = { '/animals': { get: { operationId: 'listAnimals', ...answer('2024-01-01', ref('Page')) } } };
  writeFileSync(input, JSON.stringify({ paths, components: { schemas, responses: {}, parameters: {} } }));
  execFileSync(process.execPath, ['scripts/simulator-shapes.mjs', input, output], { stdio: 'pipe' });
  return readFileSync(output, 'utf8');
}

test('shapes are what the description says of the answers', () => {
  const text = generate(SCHEMAS);
  for (const line of [
    '"listAnimals": {"2024-01-01":"@Animal"},',
    '"Animal": {"oneOf":["@Cat","@Dog"]},',
    '"Cat": {"fields":{"kittens?":["@Cat"],"name":"text","kind":{"enum":["CAT"]}}},',
    '"Dog": {"fields":{"born?":{"nullable":"dateTime"},"id?":"hex24","legs?":{"from":3,"to":4},"size?":{"enum":["S","L"]}}},',
  ])
    expect(text).toContain(line);
});

test('a pattern that no kind of text matches is refused with its place', () => {
  const Dog = { type: 'object', properties: { tag: { type: 'string', pattern: '^§§§$' } } };
  expect(() => generate({ ...SCHEMAS, Dog })).toThrow(/Dog\.tag: add a kind of text that matches \^§§§\$/);
});
