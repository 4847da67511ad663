import { readFileSync } from 'node:fs';

const read = (name: string) => readFileSync(new URL(`./assets/${name}`, import.meta.url), 'utf8');

/** Script and style of the pages. `scripts/assets.mjs` replaces the compiled module by their text, so that the program needs no files. */
export const pageScript = (): string => ['page.js', 'charts.js', 'purge.js'].map(read).join('');
export const pageStyle = (): string => read('../../lib/assets/palette.css') + read('page.css');
