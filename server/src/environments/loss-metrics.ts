import type { Registry } from 'prom-client';
import { Counter } from 'prom-client';

/** @returns Counts epochs that this server gave to environments whose database lacks commits. */
export function registerLosses(registry: Registry): () => void {
  const losses = new Counter({
    name: 'dimmer_commit_losses_total',
    help: 'Times that the database lacked commits of an environment, and this server gave it another epoch for that.',
    registers: [registry],
  });
  return () => losses.inc();
}
