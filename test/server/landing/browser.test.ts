import axe from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../../src/simulator/world.ts';
import { findChromium, launchChromium, violationsOfAxe } from '../../support/chromium.ts';
import { CALLER_KEY, type Running, startGateway } from '../../support/running.ts';

const executablePath = findChromium('the landing page');

describe.skipIf(executablePath === undefined)('the landing page in a browser', () => {
  let browser: Browser;
  let running: Running;
  /** Console messages, exceptions and CSP violations of the page. */
  let pageErrors: string[];
  beforeAll(async () => {
    browser = await launchChromium(executablePath);
    running = await startGateway();
  });
  afterAll(async () => {
    await browser?.close();
    await running?.stop();
  });
  beforeEach(() => {
    pageErrors = [];
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
  });

  async function open(options: BrowserContextOptions = {}): Promise<Page> {
    const page = await browser.newPage(options);
    page.setDefaultTimeout(5_000);
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') pageErrors.push(message.text());
    });
    page.on('pageerror', (error) => pageErrors.push(error.message));
    await page.goto(`${running.origin}/`);
    return page;
  }

  test('is searched, and copies a command', async () => {
    const page = await open({ permissions: ['clipboard-read', 'clipboard-write'] });
    await page.getByLabel('Search by name').fill('privatelink list');
    const visible = page.locator('.operation:visible');
    expect(await page.locator('#found').textContent()).toBe(
      `${await visible.count()} of ${await page.locator('.operation').count()} operations`,
    );
    await page.getByText('listGroupStreamPrivateLinkConnections', { exact: true }).click();
    await page.getByRole('button', { name: 'Copy' }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    expect(await page.evaluate('navigator.clipboard.readText()')).toContain(
      `curl "${running.origin}/api/atlas/v2/groups/\${groupId}/streams/privateLinkConnections"`,
    );
    expect(pageErrors).toEqual([]);
  });

  test('shows what a key may read, and stores nothing', async () => {
    const page = await open();
    await page.getByLabel('Key').fill(CALLER_KEY);
    await page.keyboard.press('Enter');
    await page.getByText('The key belongs to team-orders.').waitFor();
    expect(await page.locator('.ids').first().textContent()).toContain(SAMPLE_PROJECTS.orders.id);
    expect(page.url()).toBe(`${running.origin}/access`);
    expect(await page.context().storageState()).toEqual({ cookies: [], origins: [] });
    expect(await page.content()).not.toContain(CALLER_KEY);
    expect(pageErrors).toEqual([]);
  });

  test('works without script, at 360 px and for axe', async () => {
    const plain = await open({ javaScriptEnabled: false });
    expect(await plain.getByLabel('Search by name').isVisible()).toBe(false);
    await plain.getByText('listGroupClusters', { exact: true }).click();
    expect(
      await plain
        .getByText(/groups\/\$\{groupId\}\/clusters"/)
        .first()
        .isVisible(),
    ).toBe(true);
    const page = await open({ bypassCSP: true, viewport: { width: 360, height: 800 } });
    await page.evaluate(axe.source);
    await page.getByText('listGroupClusters', { exact: true }).click();
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await violationsOfAxe(page)).toEqual([]);
    }
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
    expect(pageErrors).toEqual([]);
  });
});
