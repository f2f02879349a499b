import { LIMITS } from '@dimmer/schema';
import type { Registry } from 'prom-client';
import { Counter, Gauge } from 'prom-client';
import type { EnvironmentCommit } from './storage/storage.ts';

/** Limits of an environment, beside the gauges that are held against them. */
const ENVIRONMENT_LIMITS = ['flagsPerEnvironment', 'segmentsPerEnvironment', 'snapshotBytes'] as const;

/** Registers what a server is, and since when. */
export function registerServerFacts(
  registry: Registry,
  { version, startedAt }: { readonly version: string; readonly startedAt: number },
): void {
  const registers = [registry];
  new Gauge({
    name: 'dimmer_build_info',
    help: 'Always 1: the versions of the server and of Node are its labels.',
    labelNames: ['version', 'node'],
    registers,
  }).set({ version, node: process.versions.node }, 1);
  new Gauge({
    name: 'dimmer_start_time_seconds',
    help: 'When the server started, in seconds since the Unix epoch.',
    registers,
  }).set(startedAt / 1000);
  const limits = new Gauge({
    name: 'dimmer_environment_limit',
    help: 'The most that an environment may hold, by limit: flags, segments, bytes of its snapshot.',
    labelNames: ['limit'],
    registers,
  });
  for (const limit of ENVIRONMENT_LIMITS) limits.set({ limit }, LIMITS[limit]);
}

/** Told of what a project's commit wrote, once storage holds it. */
export type OnCommitted = (project: string, commits: readonly EnvironmentCommit[]) => void;

/** @returns Counts commits that this server wrote, by environment, and those of them that killed. */
export function registerCommits(registry: Registry): OnCommitted {
  const labelNames = ['project', 'environment'];
  const registers = [registry];
  const commits = new Counter({
    name: 'dimmer_commits_total',
    help: 'Revisions that this server wrote, by environment.',
    labelNames,
    registers,
  });
  const kills = new Counter({
    name: 'dimmer_kills_total',
    help: 'Of these, those that killed a flag.',
    labelNames,
    registers,
  });
  return (project, written) => {
    for (const { environment, kill } of written) {
      commits.inc({ project, environment });
      if (kill) kills.inc({ project, environment });
    }
  };
}
