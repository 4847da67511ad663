import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

interface Rule {
  readonly alert?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

const generate = (...args: string[]) =>
  spawnSync(process.execPath, ['scripts/prometheus-rule.mjs', '--output', '-', ...args], {
    encoding: 'utf8',
  });
const alertsOf = (rules: readonly Rule[]) => rules.filter(({ alert }) => alert !== undefined);

test('without an address for runbooks, alerts name only the path in the project', () => {
  const { spec }: { spec: { groups: { rules: Rule[] }[] } } = parse(generate().stdout);
  const alerts = alertsOf(spec.groups.flatMap(({ rules }) => rules));
  expect(alerts.length).toBeGreaterThan(15);
  for (const { annotations } of alerts) expect(annotations).not.toHaveProperty('runbook_url');
});

test.each(['https://git.example.com/gateway/docs', 'https://git.example.com/gateway/docs/'])(
  'with %s, each alert links its runbook, in the rules of Prometheus too',
  (address) => {
    const { groups }: { groups: { rules: Rule[] }[] } = parse(
      generate('--rules', '--runbooks', address).stdout,
    );
    const alerts = alertsOf(groups.flatMap(({ rules }) => rules));
    for (const { alert, annotations } of alerts)
      expect(annotations?.['runbook_url']).toBe(`https://git.example.com/gateway/docs/runbooks/${alert}.md`);
  },
);

test.each(['docs', '/docs', 'javascript:alert(1)', 'https://git.example.com/docs?x'])(
  'an address that is not absolute is refused: %s',
  (address) => {
    const { status, stdout, stderr } = generate('--runbooks', address);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain('https://');
  },
);
