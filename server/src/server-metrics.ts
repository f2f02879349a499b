import { LIMITS } from '@dimmer/schema';
import type { Registry } from 'prom-client';
import { Gauge } from 'prom-client';

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
