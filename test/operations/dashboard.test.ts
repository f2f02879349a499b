import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { documentedMetrics } from './metrics-page.ts';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const ALERTS = at('deploy/prometheus/alerts.yml');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook: string };
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly query: unknown }[];
  };
}

const rules = (parse(readFileSync(ALERTS, 'utf8')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
);
const dashboard = JSON.parse(readFileSync(at('deploy/grafana/dimmer.json'), 'utf8')) as Dashboard;
const expressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
const documented = new Map(documentedMetrics().map((metric) => [metric.name, metric]));

/** What is neither there nor made of what is there, of a metric that an expression names. */
function unknownIn(expression: string): string[] {
  const names = expression.match(/\b(dimmer|nodejs|process)_[a-z0-9_]+/g) ?? [];
  return names.filter((name) => !documented.has(name) && !isPartOfHistogram(name));
}

function isPartOfHistogram(name: string): boolean {
  const whole = documented.get(name.replace(/_(bucket|sum|count)$/, ''));
  return whole?.type === 'histogram';
}

/** Labels that a selector asks for and that its metric does not have. */
function unknownLabelsIn(expression: string): string[] {
  const selectors = expression.matchAll(/\b([a-z]+_[a-z0-9_]+)\{([^}]*)\}/g);
  return [...selectors].flatMap(([, name = '', matchers = '']) => {
    const metric = documented.get(name) ?? documented.get(name.replace(/_(bucket|sum|count)$/, ''));
    const labels = [...matchers.matchAll(/(\w+)\s*[=!]~?/g)].flatMap(([, label]) => label ?? []);
    const known = [...(metric?.labels ?? []), 'job', 'instance', 'le'];
    return labels.filter((label) => !known.includes(label)).map((label) => `${name}{${label}}`);
  });
}

describe('the dashboard', () => {
  test('[P15] every metric and label that it names is one that the server has', () => {
    expect(expressions.length).toBeGreaterThan(40);
    expect(expressions.flatMap(unknownIn)).toEqual([]);
    expect(expressions.flatMap(unknownLabelsIn)).toEqual([]);
  });

  test('[P15] shows every metric of Dimmer', () => {
    const shown = [...expressions, readFileSync(at('deploy/grafana/dimmer.json'), 'utf8')].join(' ');
    const missing = [...documented.keys()].filter(
      (name) =>
        name.startsWith('dimmer_') && !shown.includes(name) && name !== 'dimmer_reports_under_way_bytes',
    );
    expect(missing).toEqual([]);
  });

  test('[P15] is a model that Grafana takes: panels with places and ids of their own, and one source of data', () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const places = dashboard.panels.map(({ gridPos: { x, y } }) => `${x} ${y}`);
    expect(new Set(places).size).toBe(places.length);
    expect(dashboard.panels.filter(({ gridPos: { x, w } }) => x + w > 24)).toEqual([]);
    const sources = dashboard.panels.flatMap(({ datasource }) => datasource?.uid ?? []);
    expect(new Set(sources)).toEqual(new Set([`\${datasource}`]));
    expect(dashboard.templating.list.map(({ name, type }) => `${name} ${type}`)).toEqual([
      'datasource datasource',
      'job query',
      'instance query',
    ]);
    const rows = dashboard.panels.filter(({ type }) => type === 'row').map(({ title }) => title);
    expect(rows).toEqual(['Is it on fire?', 'Delivery', 'Writes', 'SDKs', 'Machine']);
  });
});

const objectives = readFileSync(at('docs/slo.md'), 'utf8');
const promises = [...objectives.matchAll(/```promql\n([\s\S]*?)```/g)].flatMap(([, text]) => text ?? []);

describe('the objectives', () => {
  test('[P16] docs/slo.md asks for what the server has, and its alerts are there', () => {
    expect(promises).toHaveLength(4);
    expect(promises.flatMap(unknownIn)).toEqual([]);
    expect(promises.flatMap(unknownLabelsIn)).toEqual([]);
    const named = new Set(objectives.match(/`Dimmer\w+`/g)?.map((name) => name.slice(1, -1)));
    const budgets = rules.map(({ alert }) => alert).filter((alert) => alert.includes('Budget'));
    expect([...named].sort()).toEqual([...budgets].sort());
  });
});

describe('the alerts', () => {
  test('[P16] every metric and label that they name is one that the server has', () => {
    expect(rules.length).toBeGreaterThan(20);
    expect(rules.flatMap(({ expr }) => unknownIn(expr))).toEqual([]);
    expect(rules.flatMap(({ expr }) => unknownLabelsIn(expr))).toEqual([]);
  });

  test('[P16] each has a section in docs/alerts.md that says what to do, and each section an alert', () => {
    const page = readFileSync(at('docs/alerts.md'), 'utf8');
    const sections = page.split(/^### /m).slice(1);
    expect(sections.map((text) => text.split('\n')[0])).toEqual(rules.map(({ alert }) => alert));
    expect(sections.filter((text) => !text.includes('**Do:**'))).toEqual([]);
    for (const { alert, annotations, labels } of rules) {
      expect(annotations.runbook).toBe(`docs/alerts.md#${alert.toLowerCase()}`);
      expect(['critical', 'warning', 'info']).toContain(labels.severity);
    }
  });

  const promtool = spawnSync('promtool', ['--version']).error === undefined;
  const required = process.env['CI'] !== undefined;
  if (!promtool && !required) process.stderr.write('Skipped: promtool is missing (Debian: prometheus).\n');

  test.skipIf(!promtool && !required)('[P16] promtool takes them, and each fires on what it is for', () => {
    for (const args of [
      ['check', 'rules', 'alerts.yml'],
      ['test', 'rules', 'alerts.test.yml'],
    ]) {
      const { status, stdout, stderr } = spawnSync('promtool', args, {
        cwd: at('deploy/prometheus'),
        encoding: 'utf8',
      });
      expect(`${stdout}${stderr}${status}`).toMatch(/SUCCESS[\s\S]*0$/);
    }
    const tested = readFileSync(at('deploy/prometheus/alerts.test.yml'), 'utf8');
    expect(rules.filter(({ alert }) => !tested.includes(`name: ${alert} fires`))).toEqual([]);
  });

  test.skipIf(!promtool && !required)('[P15] the expressions of the dashboard are PromQL', () => {
    const folder = mkdtempSync(join(tmpdir(), 'dimmer-promql-'));
    const records = [...expressions, ...promises].map((expr, index) => ({
      record: `dashboard:expression_${index}`,
      expr: expr
        .replaceAll('$__rate_interval', '1m')
        .replaceAll('$job', 'dimmer')
        .replaceAll('$instance', '.+'),
    }));
    // YAML contains JSON.
    writeFileSync(
      join(folder, 'rules.yml'),
      JSON.stringify({ groups: [{ name: 'dashboard', rules: records }] }),
    );
    const { stdout, stderr } = spawnSync('promtool', ['check', 'rules', join(folder, 'rules.yml')], {
      encoding: 'utf8',
    });
    rmSync(folder, { recursive: true });
    expect(`${stdout}${stderr}`).toContain(`SUCCESS: ${records.length} rules found`);
  });
});
