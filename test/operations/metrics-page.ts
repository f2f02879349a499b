import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A metric as docs/metrics.md describes it. */
export interface DocumentedMetric {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
}

const PAGE = fileURLToPath(new URL('../../docs/metrics.md', import.meta.url));
const ROW = /^\| `(?<name>[a-z0-9_]+)` \| (?<type>\w+) \|(?<labels>[^|]*)\|/gm;

/** The rows of the tables in docs/metrics.md. Those of relays alone have names of their own. */
export function documentedMetrics(): readonly DocumentedMetric[] {
  return [...readFileSync(PAGE, 'utf8').matchAll(ROW)].map(({ groups = {} }) => ({
    name: groups['name'] ?? '',
    type: groups['type'] ?? '',
    labels: [...(groups['labels'] ?? '').matchAll(/`(\w+)`/g)].flatMap(([, label]) => label ?? []).sort(),
  }));
}
