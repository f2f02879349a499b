import type { Registry } from 'prom-client';
import { Counter } from 'prom-client';
import type { OnCommitted } from './commit.ts';

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
