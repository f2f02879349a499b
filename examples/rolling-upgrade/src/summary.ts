import type { Entry } from '../../../test/faults/history-file.ts';
import type { Model } from '../../../test/faults/model.ts';
import { KILLED } from '../../../test/faults/traffic.ts';

/** One step of the story. Times are milliseconds since the Unix epoch. */
export interface Step {
  readonly title: string;
  readonly from: number;
  readonly to: number;
}

/** What a step was like for those who used the servers meanwhile. */
export interface Row {
  readonly title: string;
  readonly tookMs: number;
  /** Writes that were acknowledged. */
  readonly writes: number;
  /** Streams that ended. */
  readonly moved: number;
  /** From the end of a stream to the first frame of the next one, in milliseconds, ascending. */
  readonly gapsMs: readonly number[];
  /** From the answer to a write of the kill flag to an SDK that serves it, in milliseconds, ascending. */
  readonly killsMs: readonly number[];
}

/** What happened in each step, from what clients wrote down. */
export function rowsOf(steps: readonly Step[], entries: readonly Entry[], model: Model): readonly Row[] {
  const [gaps, kills] = [gapsOf(entries), killsOf(entries, model)];
  return steps.map(({ title, from, to }) => {
    const isIn = ({ time }: { readonly time: number }): boolean => time >= from && time < to;
    const within = entries.filter(isIn);
    return {
      title,
      tookMs: to - from,
      writes: within.filter(({ op, result }) => op === 'write' && result !== null).length,
      moved: within.filter(({ op }) => op === 'closed').length,
      gapsMs: ascending(gaps.filter(isIn)),
      killsMs: ascending(kills.filter(isIn)),
    };
  });
}

/** @param share - From 0 to 1. @returns `undefined` of nothing. */
export function percentile(sorted: readonly number[], share: number): number | undefined {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

/** The rows as a table. */
export function tableOf(rows: readonly Row[]): string {
  const head = ['', 'took', 'writes', 'streams moved', 'gap p50/p99', 'kill -> SDK p50/p99/max'];
  const cells = rows.map(({ title, tookMs, writes, moved, gapsMs, killsMs }) => [
    title,
    `${(tookMs / 1000).toFixed(1)} s`,
    String(writes),
    String(moved),
    figures(gapsMs, [0.5, 0.99]),
    figures(killsMs, [0.5, 0.99, 1]),
  ]);
  const widths = head.map((_, column) =>
    Math.max(...[head, ...cells].map((row) => row[column]?.length ?? 0)),
  );
  return [head, ...cells].map((row) => lineOf(row, widths)).join('\n');
}

function lineOf(row: readonly string[], widths: readonly number[]): string {
  const [title = '', ...figures] = row.map((cell, column) =>
    column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
  );
  return [title, ...figures].join('   ');
}

function figures(sorted: readonly number[], shares: readonly number[]): string {
  if (sorted.length === 0) return '-';
  return `${shares.map((share) => percentile(sorted, share)?.toFixed(0)).join('/')} ms`;
}

interface Measured {
  readonly time: number;
  readonly ms: number;
}

function gapsOf(entries: readonly Entry[]): readonly Measured[] {
  const closedAt = new Map<string, number>();
  return entries.flatMap(({ client, op, time }) => {
    if (op === 'closed') closedAt.set(client, closedAt.get(client) ?? time);
    const since = closedAt.get(client);
    if (op !== 'frame' || since === undefined) return [];
    closedAt.delete(client);
    return [{ time: since, ms: time - since }];
  });
}

/** One for each SDK and each revision that killed or restored the flag, where the SDK did not skip it. */
function killsOf(entries: readonly Entry[], model: Model): readonly Measured[] {
  const answeredAt = new Map<number, number>();
  for (const entry of entries) {
    if (entry.op !== 'write' || entry.result === null) continue;
    const { revision } = entry.result;
    if (model.at(revision)?.get(`flag/${KILLED}`) === revision) answeredAt.set(revision, entry.time);
  }
  const seen = new Set<string>();
  return entries.flatMap((entry) => {
    if (entry.op !== 'read') return [];
    const revision = entry.result.find(({ flag }) => flag === KILLED)?.revision ?? 0;
    const [name, at] = [`${entry.client} ${revision}`, answeredAt.get(revision)];
    if (at === undefined || seen.has(name)) return [];
    seen.add(name);
    return [{ time: at, ms: Math.max(0, entry.time - at) }];
  });
}

function ascending(measured: readonly Measured[]): readonly number[] {
  return measured.map(({ ms }) => ms).sort((one, other) => one - other);
}
