import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Dashboard, isRow } from '../support/dashboard.ts';

const text = readFileSync('deploy/grafana/dashboard.json', 'utf8');
const dashboard: Dashboard = JSON.parse(text);
const panels = dashboard.panels.filter((panel) => !isRow(panel));
const variables = dashboard.templating.list;

test('the dashboard is what its script writes', () => {
  expect(() => execFileSync(process.execPath, ['scripts/dashboard.mjs', '--check'])).not.toThrow();
});

test('the dashboard can be imported anywhere: one schema version, data source and address as variables, no host', () => {
  expect(dashboard.schemaVersion).toBe(42);
  expect(variables.map(({ name, type }) => [name, type])).toEqual([
    ['datasource', 'datasource'],
    ['job', 'query'],
    ['instance', 'query'],
    ['docs', 'textbox'],
  ]);
  expect(text).not.toMatch(/https?:\/\/|localhost|\d+\.\d+\.\d+\.\d+/);
  expect(dashboard).not.toHaveProperty('id');
});

test('every panel says what it shows: title, unit, a sentence, and queries with the chosen data source and gateways', () => {
  for (const { title, description, datasource, fieldConfig, targets = [] } of panels) {
    expect(title).toMatch(/^[A-Z]/);
    expect(description, title).toMatch(/^.{10,}[.]$/);
    expect(fieldConfig?.defaults.unit, title).toMatch(/^[a-z]+$/);
    expect(datasource, title).toEqual({ type: 'prometheus', uid: '$datasource' });
    expect(targets.length, title).toBeGreaterThan(0);
    for (const one of targets) {
      expect(one.datasource, title).toEqual({ type: 'prometheus', uid: '$datasource' });
      // An alert's labels are those of its rule.
      for (const [selector] of one.expr.replace(/ALERTS\{[^}]*\}/, '').matchAll(/\{[^}]*\}/g))
        expect(selector, title).toContain('job=~"$job",instance=~"$instance"');
    }
  }
  const titles = panels.map(({ title }) => title);
  expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  // The same words may stand in the overview and below it.
  expect(titles.length - new Set(titles).size).toBeLessThanOrEqual(1);
});

test('panels lie side by side on a grid of 24 columns, and none over another', () => {
  const taken = new Set<string>();
  for (const { title, gridPos } of dashboard.panels) {
    expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        expect(taken, `${title} at ${x}/${y}`).not.toContain(`${x}/${y}`);
        taken.add(`${x}/${y}`);
      }
    }
  }
});

test('links of panels lead to runbooks that are there', () => {
  const links = panels.flatMap(({ links: own = [] }) => own);
  expect(links.length).toBeGreaterThan(10);
  for (const { url } of [...links, ...dashboard.links])
    expect(existsSync(url.replace('$docs', 'docs')), url).toBe(true);
});
