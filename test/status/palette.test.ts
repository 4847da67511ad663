import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { landingStyle } from '../../src/server/landing/assets.ts';
import { pageStyle } from '../../src/status/assets.ts';

const palette = readFileSync('src/lib/assets/palette.css', 'utf8');
const namesIn = (style: string, pattern: RegExp) =>
  new Set([...style.matchAll(pattern)].map(([, name]) => name));
const DEFINED = /(--[\w-]+):/g;

test.each([
  ['the status page', pageStyle()],
  ['the landing page', landingStyle()],
])('%s takes its colours from the palette, and defines none', (_page, style) => {
  expect(style.startsWith(palette)).toBe(true);
  expect(namesIn(style.slice(palette.length), DEFINED)).toEqual(new Set());
  const defined = namesIn(palette, DEFINED);
  for (const name of namesIn(style, /var\((--[\w-]+)/g)) expect(defined).toContain(name);
});
