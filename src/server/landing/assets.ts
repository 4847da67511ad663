import { readFileSync } from 'node:fs';

const read = (name: string) => readFileSync(new URL(`./assets/${name}`, import.meta.url), 'utf8');

/** Script and style of the landing page. `scripts/assets.mjs` replaces the compiled module by their text, so that the program needs no files. */
export const landingScript = (): string => read('landing.js');
export const landingStyle = (): string => read('../../../lib/assets/palette.css') + read('landing.css');
