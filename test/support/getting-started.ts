import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { shellBlocks } from './markdown.ts';
import type { Pasted } from './shell.ts';

export const GETTING_STARTED = 'docs/getting-started.md';

/** Free ports in place of the page's: the simulated Atlas, the gateway and its admin listener. */
export interface PagePorts {
  readonly atlas: number;
  readonly gateway: number;
  readonly admin: number;
}

/** The page's shell blocks, without those that contain a `…` that only the reader can replace. */
export function gettingStartedBlocks(
  { atlas, gateway, admin }: PagePorts,
  complete: (block: string) => string = (block) => block,
): string[] {
  return shellBlocks(readFileSync(GETTING_STARTED, 'utf8'))
    .map(({ code }) =>
      complete(code)
        .replaceAll('8443', String(atlas))
        .replaceAll('8080', String(gateway))
        .replaceAll('9090', String(admin)),
    )
    .filter((block) => !block.includes('…'));
}

/** The statuses of the responses that `curl -i` printed. */
export const statusesOf = (text: string) =>
  [...text.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status = '']) => Number(status));

/** The blocks exit with 0 and print what the page says. */
export function expectPromisesKept(blocks: readonly string[], { code, errors, printed }: Pasted): void {
  const unexpected = errors.replaceAll(/^(?:not ready: |npm (?:warn|notice)).*\n/gm, '');
  expect([code, unexpected]).toEqual([0, '']);
  /** What the block that contains these words printed. */
  const printedBy = (words: string) => {
    const index = blocks.findIndex((block) => block.includes(words));
    expect(index, words).toBeGreaterThanOrEqual(0);
    return printed[index] ?? '';
  };

  const first = printedBy('itemsPerPage=5&pageNum=2');
  expect(statusesOf(first)).toEqual([200, 200]);
  expect(first).toMatch(/fwd=miss; stored[\s\S]*Cache-Status: atlas-gateway; hit/);

  expect(printedBy('--online --projects')).toMatch(
    /ok {6}main: service account, \d+ ms, sees 8 projects and organizations\n/,
  );

  const asTeam = printedBy('serve --config gateway.yaml');
  expect(statusesOf(asTeam)).toEqual([200]);
  const otherSchemes = printedBy('--digest');
  expect(statusesOf(otherSchemes)).toEqual([401, 200]);
  expect(otherSchemes).toMatch(/\{"access_token":"eyJ[^"]+","expires_in":3600,"token_type":"Bearer"\}/);

  const rejected = printedBy('OTHER=');
  expect(statusesOf(rejected)).toEqual([403, 401]);
  expect(rejected).toMatch(/"errorCode":"PROJECT_FORBIDDEN"[\s\S]*"errorCode":"UNAUTHENTICATED"/);

  expect(JSON.parse(printedBy('team-search'))).toHaveProperty('totalCount', 42);

  const watched = printedBy('/cache/purge');
  expect(watched).toContain('caller="team-orders"');
  expect(watched).toMatch(/"purged":\{"soft":false,"project":"64b7c0ffee0000000000a004"\}/);
}
