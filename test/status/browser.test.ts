import axe from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SAMPLE_PROJECTS } from '../../src/simulator/world.ts';
import { findChromium, launchChromium, violationsOfAxe } from '../support/chromium.ts';
import { CALLER_KEY, json, linksOf, type Running, startGateway } from '../support/running.ts';

const { orders, payments, search } = SAMPLE_PROJECTS;
const TOKEN = 'admin-token-of-a-test';
const CONNECTIONS = `/projects/${orders.id}/private-link-connections`;

const executablePath = findChromium('the status page');

describe.skipIf(executablePath === undefined)('the status page in a browser', () => {
  let browser: Browser;
  let running: Running;
  /** Console messages, exceptions and CSP violations of the page. */
  let pageErrors: string[];
  beforeAll(async () => {
    browser = await launchChromium(executablePath);
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    pageErrors = [];
    running = await startGateway();
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    await running.stop();
  });

  async function open(path: string, options: BrowserContextOptions = {}): Promise<Page> {
    const page = await browser.newPage({ viewport: { width: 1_280, height: 900 }, ...options });
    page.setDefaultTimeout(5_000);
    // Tests advance the page's timers.
    await page.clock.install();
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') pageErrors.push(message.text());
    });
    page.on('pageerror', (error) => pageErrors.push(error.message));
    page.on('request', (request) => {
      const { protocol, origin } = new URL(request.url());
      if (protocol !== 'data:' && origin !== running.admin) pageErrors.push(`requested ${request.url()}`);
    });
    await page.goto(`${running.admin}${path}`);
    return page;
  }
  const row = (page: Page, id: string) => page.locator(`#projects tr[data-key="${id}"]`);

  test('shows the current status and refreshes without reloading', async () => {
    await running.get(linksOf(orders));
    const page = await open('/');
    expect(await page.title()).toBe('atlas-gateway');
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toContain('ready');
    expect(await row(page, orders.id).textContent()).toContain('42');
    await page.evaluate(() => Object.assign(globalThis, { sameDocument: true }));
    await page.locator(`[data-purge="${orders.id}"]`).focus();
    await running.get(linksOf(search));
    await running.get(linksOf(payments), { authorization: `Bearer ${CALLER_KEY}` });
    await page.clock.runFor(3_000);
    await row(page, search.id).waitFor();
    expect(await page.locator('#refusals').textContent()).toContain('PROJECT_FORBIDDEN');
    expect(await page.locator('#callers').textContent()).toContain('team-orders');
    expect(await page.evaluate(() => Reflect.get(globalThis, 'sameDocument'))).toBe(true);
    // The focus is preserved although rows were added.
    expect(await page.evaluate('document.activeElement.dataset.purge')).toBe(orders.id);
    expect(pageErrors).toEqual([]);
  });

  test('refreshing can be paused, and an unreachable gateway is reported', async () => {
    const page = await open('/');
    const live = page.getByRole('button', { name: 'Live' });
    await live.click();
    expect(await live.getAttribute('aria-pressed')).toBe('false');
    await page.route('**/*', (route) => route.abort());
    await live.click();
    await page.getByText('The gateway has been unreachable since').waitFor();
    await page.unroute('**/*');
    await page.clock.runFor(6_000);
    await page.getByText('The gateway is reachable again.').waitFor();
  });

  test('says what fails, since when and what is served, and warns before lists are dropped', async () => {
    await running.get(linksOf(orders));
    running.simulator.faults.add({ target: 'privateLink', status: 503 });
    const noCache = { 'cache-control': 'no-cache' };
    expect((await running.get(linksOf(orders), noCache)).status).toBe(200);
    expect((await running.get(linksOf(search))).status).toBe(502);
    const page = await open('/');
    expect(await page.title()).toBe('failing: atlas-gateway');
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toContain('ready, Atlas failing');
    const trouble = await page.locator('#trouble').textContent();
    expect(trouble).toMatch(
      /^Atlas is failing \(503\) since \d\d:\d\d UTC; serving lists up to \d+ s old, and requests for one list fail;/,
    );
    expect(await row(page, orders.id).textContent()).toContain('503');
    await row(page, orders.id).getByRole('button', { name: /Purge/ }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel(/^Drop/).check();
    await dialog.getByRole('button', { name: 'Purge', exact: true }).click();
    await page.locator('#purge-hard-warning').getByText('Atlas is failing (503)').waitFor();
    running.simulator.faults.clear();
    // A purge that drops lists ends their pauses too.
    await page.getByRole('button', { name: 'Drop', exact: true }).click();
    await page.getByText(`Dropped: all lists of project ${orders.id}.`).waitFor();
    for (const project of [orders, search]) await running.get(linksOf(project));
    await page.clock.runFor(3_000);
    await expect.poll(() => page.title()).toBe('atlas-gateway');
    expect(await page.locator('#trouble').count()).toBe(0);
    expect(pageErrors).toEqual([]);
  });

  test('a refresh that fails leaves nothing that looks current, and says why it failed', async () => {
    const page = await open('/');
    const badge = page.locator('#state');
    await page.route('**/*', (route) => route.fulfill({ status: 500, body: '' }));
    await page.clock.runFor(3_000);
    await page.getByText('The status page answers 500 since').waitFor();
    expect(await badge.textContent()).toBe('unknown');
    await page.unroute('**/*');
    await page.clock.runFor(6_000);
    await page.getByText('The gateway is reachable again.').waitFor();
    expect(await badge.textContent()).toBe('ready');
    await page.evaluate("document.getElementById('state').dataset.state = 'draining'");
    await page.route('**/*', (route) => route.abort());
    await page.clock.runFor(3_000);
    await page.getByText('The gateway was shutting down and has not answered since').waitFor();
    expect(await badge.textContent()).toBe('stopped');
    expect(await page.title()).toBe('stopped: atlas-gateway');
  });

  test('is narrowed down to a project, a caller and an operation, by links', async () => {
    await running.get(linksOf(orders));
    await running.get(linksOf(search));
    await running.get(linksOf(payments), { authorization: `Bearer ${CALLER_KEY}` });
    const page = await open('/');
    await row(page, orders.id).getByRole('link').first().click();
    expect(new URL(page.url()).search).toBe(`?project=${orders.id}`);
    expect(await page.locator('#projects tbody tr').count()).toBe(1);
    expect(await page.locator('#cached tbody').textContent()).toContain('42');
    await page
      .locator('#usages')
      .getByRole('link', { name: 'listGroupStreamPrivateLinkConnections' })
      .click();
    expect(new URL(page.url()).searchParams.get('operation')).toBe('listGroupStreamPrivateLinkConnections');
    await page.getByRole('link', { name: 'Stop showing only this project' }).click();
    expect(await page.locator('#projects tbody tr').count()).toBe(2);
    await page.getByRole('link', { name: 'Show everything' }).click();
    expect(await page.locator('#refusal-groups tbody').textContent()).toContain('PROJECT_FORBIDDEN');
    await page.locator('#refusal-groups').getByRole('link', { name: 'team-orders' }).click();
    expect(await page.locator('#callers tbody tr').count()).toBe(1);
    expect(pageErrors).toEqual([]);
  });

  test('charts show their values under the pointer and by the arrow keys', async () => {
    await running.get(linksOf(orders));
    const page = await open('/');
    const plot = page.getByRole('slider').first();
    const reading = page.locator('.reading').first();
    await plot.hover();
    expect(await reading.textContent()).toMatch(/^now: all [\d.]+, failed 0$/);
    await page.mouse.move(0, 0);
    expect(await reading.textContent()).toBe('');
    await plot.focus();
    await page.keyboard.press('Home');
    expect(await plot.getAttribute('aria-valuetext')).toMatch(/^now: all/);
    await page.clock.runFor(3_000);
    expect(await reading.textContent()).toMatch(/^now: all/);
    expect(await page.locator('.legend').first().textContent()).toBe('allfailed');
    expect(pageErrors).toEqual([]);
  });

  test('purges one project after confirmation only', async () => {
    await running.get(linksOf(orders));
    await running.get(linksOf(search));
    const page = await open('/');
    const dialog = page.getByRole('dialog');
    await row(page, orders.id).getByRole('button', { name: /Purge/ }).click();
    expect(await dialog.textContent()).toContain(`Reloads all lists of project ${orders.id}`);
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    expect((await running.get(linksOf(orders))).headers['cache-status']).toContain('hit');
    const chooseDrop = async () => {
      await row(page, orders.id).getByRole('button', { name: /Purge/ }).click();
      await dialog.getByLabel(/^Drop/).check();
      expect(await dialog.textContent()).toContain(`Drops all lists of project ${orders.id}`);
      await dialog.getByRole('button', { name: 'Purge', exact: true }).click();
    };
    await chooseDrop();
    expect(await page.locator('#purge-hard-warning').isVisible()).toBe(false);
    await page.getByRole('button', { name: 'Keep them' }).click();
    expect((await running.get(linksOf(orders))).headers['cache-status']).toContain('hit');
    await chooseDrop();
    await page.getByRole('button', { name: 'Drop', exact: true }).click();
    await page.getByText(`Dropped: all lists of project ${orders.id}.`).waitFor();
    await expect.poll(() => row(page, orders.id).locator('td').first().textContent()).toBe('0');
    expect((await running.get(linksOf(orders))).headers['cache-status']).toContain('fwd=miss');
    expect((await running.get(linksOf(search))).headers['cache-status']).toContain('hit');
    expect(pageErrors).toEqual([]);
  });

  test('purges an operation softly, by keyboard alone; Enter in the dialog cancels', async () => {
    await running.get(linksOf(orders));
    const page = await open('/');
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.className')).toBe('skip');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('main');
    for (const _chart of ['requests', 'from memory', 'to Atlas']) await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.role')).toBe('slider');
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.dataset.purge')).toBe('');
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    expect(await page.evaluate('document.activeElement.dataset.purge')).toBe('');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    await page.keyboard.type('listGroupStreamPriv');
    expect(await page.locator('#purge-says').textContent()).toContain(
      'Reloads listGroupStreamPrivateLinkConnections of all projects',
    );
    for (const _next of ['how', 'Cancel', 'Purge']) await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByText('Marked as stale: listGroupStreamPrivateLinkConnections of all projects.').waitFor();
    expect(running.upstream()).toHaveLength(1);
    await running.get(linksOf(orders));
    await expect.poll(() => running.upstream().length).toBe(2);
    expect(pageErrors).toEqual([]);
  });

  test('requires the token off loopback, and stores a session rather than the token', async () => {
    await running.stop();
    running = await startGateway({
      config: { admin: { port: 0, token: { file: 'token' } } },
      files: { token: TOKEN },
    });
    await running.get(linksOf(orders));
    const page = await open(CONNECTIONS);
    pageErrors = [];
    await page.getByLabel('Admin token').fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByText('That is not the admin token.').waitFor();
    // Chromium logs every response with 401.
    pageErrors = [];
    await page.goto(`${running.admin}${CONNECTIONS}`);
    pageErrors = [];
    await page.getByLabel('Admin token').fill(TOKEN);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.locator('#connections').waitFor();
    expect(new URL(page.url()).pathname).toBe(CONNECTIONS);
    const [cookie] = await page.context().cookies();
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict' });
    expect(cookie?.value).not.toContain(TOKEN);
    await page.goto(running.admin);
    await row(page, orders.id).getByRole('button', { name: /Purge/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Purge', exact: true }).click();
    await page.getByText('Marked as stale: all lists of project').waitFor();
    expect(pageErrors).toEqual([]);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Admin token').waitFor();
  });

  test('filters connections while typing, and sorts them by a click', async () => {
    const { results } = json(await running.get(linksOf(orders)));
    const onKafka = results.filter((one) => JSON.stringify(one).includes('kafka')).length;
    const page = await open(CONNECTIONS);
    const found = page.locator('#found');
    const states = () => page.locator('#connections tbody td:first-child .tag').allTextContents();
    expect(await found.textContent()).toBe('42 connections');
    await page.getByLabel('Text in any column').focus();
    await page.keyboard.type('kafka');
    await page.clock.runFor(200);
    await page.getByText(`${onKafka} of 42 connections`).waitFor();
    // No letter is lost although the page was refreshed meanwhile.
    expect(await page.getByLabel('Text in any column').inputValue()).toBe('kafka');
    await page.getByLabel('Text in any column').fill('');
    await page.clock.runFor(200);
    await page.getByText('42 connections', { exact: true }).waitFor();
    await page.getByLabel('State').selectOption('FAILED');
    await page.clock.runFor(200);
    await page.getByText('6 of 42 connections').waitFor();
    expect(new Set(await states())).toEqual(new Set(['FAILED']));
    await page.getByLabel('State').selectOption('');
    await page.clock.runFor(200);
    await page.getByText('42 connections', { exact: true }).waitFor();
    const heading = page.getByRole('columnheader', { name: 'State' });
    await heading.getByRole('button').focus();
    await page.keyboard.press('Enter');
    await expect.poll(() => heading.getAttribute('aria-sort')).toBe('ascending');
    expect(await states()).toEqual((await states()).toSorted());
    await page.keyboard.press('Enter');
    await expect.poll(() => heading.getAttribute('aria-sort')).toBe('descending');
    expect(await states()).toEqual((await states()).toSorted().reverse());
    expect(new URL(page.url()).search).toBe('?sort=-state');
    expect(running.upstream()).toHaveLength(1);
    expect(pageErrors).toEqual([]);
  });

  test('the filter of connections can be cleared, pages have a size, and columns stay where they are', async () => {
    await running.get(linksOf(orders));
    const page = await open(`${CONNECTIONS}?sort=state&rows=25`);
    const found = page.locator('#found');
    const widths = () =>
      page
        .locator('#connections thead th')
        .evaluateAll((cells) => cells.map(({ offsetWidth }) => offsetWidth));
    const before = await widths();
    expect(await page.locator('#connections tbody tr').count()).toBe(25);
    await page.getByLabel('State').selectOption('FAILED');
    await page.clock.runFor(200);
    await page.getByText('6 of 42 connections').waitFor();
    expect(await widths()).toEqual(before);
    await page.getByRole('link', { name: 'Clear filter' }).click();
    expect(await found.textContent()).toBe('42 connections');
    expect(new URL(page.url()).search).toBe('?sort=state&rows=25');
    await page.getByLabel('Rows a page').selectOption('100');
    await page.clock.runFor(200);
    await expect.poll(() => page.locator('#connections tbody tr').count()).toBe(42);
    expect(new URL(page.url()).search).toBe('?sort=state');
    expect(await page.getByRole('link', { name: 'Clear filter' }).count()).toBe(0);
    expect(pageErrors).toEqual([]);
  });

  test('works without script: pages, filters, sorting', async () => {
    await running.get(linksOf(orders));
    const page = await open('/', { javaScriptEnabled: false });
    expect(await row(page, orders.id).textContent()).toContain('42');
    expect(await page.getByText('Without JavaScript this page does not refresh itself').isVisible()).toBe(
      true,
    );
    expect(await page.locator('.needs-script').first().isVisible()).toBe(false);
    await row(page, orders.id)
      .getByRole('link', { name: /private link connections/ })
      .click();
    await page.getByLabel('Provider').selectOption('AZURE');
    await page.getByRole('button', { name: 'Filter' }).click();
    expect(await page.locator('#found').textContent()).toBe('14 of 42 connections');
    await page.getByRole('button', { name: 'Region' }).click();
    expect(await page.locator('#found').textContent()).toBe('14 of 42 connections');
    expect(await page.locator('th[aria-sort=ascending]').textContent()).toContain('Region');
    expect(pageErrors).toEqual([]);
  });

  test('markup in data from Atlas is not executed and stays readable', async () => {
    const text = '</script><script>globalThis.ran=1</script><img src=x onerror="globalThis.ran=1">';
    running.simulator.world.replace(linksOf(orders), [
      Object.fromEntries(
        ['_id', 'state', 'provider', 'vendor', 'region', 'dnsDomain', 'errorMessage'].map((name) => [
          name,
          text,
        ]),
      ),
    ]);
    await running.get(linksOf(orders));
    const page = await open(`${CONNECTIONS}?text=${encodeURIComponent('</script>')}`);
    await page.getByText('1 connections').waitFor();
    expect(await page.locator('#connections img, #connections a').count()).toBe(0);
    expect(await page.locator('#connections tbody').textContent()).toContain(text);
    // Also after a refresh by the script.
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.getByRole('button', { name: 'Region' }).click();
    await expect.poll(() => page.locator('th[aria-sort=ascending]').count()).toBe(1);
    expect(await page.evaluate(() => Reflect.get(globalThis, 'ran'))).toBeUndefined();
    expect(pageErrors).toEqual([]);
  });

  test('axe finds no violations in light mode, dark mode and at 360 px, where nothing overflows the page', async () => {
    await running.get(linksOf(orders));
    await running.get(linksOf(payments), { authorization: `Bearer ${CALLER_KEY}` });
    const page = await (await browser.newContext({ bypassCSP: true })).newPage();
    const check = async (name: string) => {
      await page.setViewportSize({ width: 1_280, height: 800 });
      await page.emulateMedia({ colorScheme: 'light' });
      expect(await violationsOfAxe(page), name).toEqual([]);
      // Dark mode differs only in colours, a narrow page in everything but colours.
      await page.emulateMedia({ colorScheme: 'dark' });
      expect(await violationsOfAxe(page, { runOnly: ['color-contrast'] }), `${name}, dark`).toEqual([]);
      await page.setViewportSize({ width: 360, height: 800 });
      const narrow = { rules: { 'color-contrast': { enabled: false } } };
      expect(await violationsOfAxe(page, narrow), `${name}, narrow`).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth'), name).toBe(360);
    };
    for (const path of [
      `/?project=${orders.id}`,
      `${CONNECTIONS}?sort=state`,
      `${CONNECTIONS}?text=nothing-is-like-that`,
      `/projects/${search.id}/private-link-connections`,
      '/',
    ]) {
      await page.goto(`${running.admin}${path}`);
      await page.evaluate(axe.source);
      await check(path);
    }
    await page.locator('[data-purge]').first().click();
    await check('the dialog');
  });

  test('axe finds no violations on the sign-in page', async () => {
    await running.stop();
    running = await startGateway({
      config: { admin: { port: 0, token: { file: 'token' } } },
      files: { token: TOKEN },
    });
    const page = await (await browser.newContext({ bypassCSP: true })).newPage();
    await page.goto(running.admin);
    await page.getByLabel('Admin token').fill('wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('That is not the admin token.').waitFor();
    await page.evaluate(axe.source);
    expect(await violationsOfAxe(page)).toEqual([]);
  });
});
