import type { Terminal } from '../operator/terminal.ts';
import { systemClock } from '../platform/clock.ts';
import { diagnose, tellFindings } from './doctor.ts';
import type { DoctorOptions } from './gather-facts.ts';
import { gatherFacts } from './gather-facts.ts';

/**
 * `dimmer doctor`: looks at settings, database, machine and, where one is named, a running server, and says for each finding
 * what to do.
 *
 * @param variables - The environment of the process.
 * @returns The exit code: 1 where there is a problem, else 0.
 */
export async function doctor(
  { json = false, ...options }: DoctorOptions & { readonly json?: boolean },
  variables: Readonly<Record<string, string | undefined>>,
  { version, terminal }: { readonly version: string; readonly terminal: Terminal },
): Promise<0 | 1> {
  const world = { variables, version, clock: systemClock, fetch: globalThis.fetch };
  return tellFindings(diagnose(await gatherFacts(options, world)), terminal, json);
}
