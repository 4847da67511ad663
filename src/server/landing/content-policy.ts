import { createHash } from 'node:crypto';
import { landingScript, landingStyle } from './assets.ts';

const sourceOf = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** The Content-Security-Policy of the landing page: only its own script and style, by their hashes, and forms to its own origin. */
export const landingPolicy = (): string =>
  [
    "default-src 'none'",
    `script-src ${sourceOf(landingScript())}`,
    `style-src ${sourceOf(landingStyle())}`,
    'img-src data:',
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ');
