import { Registry } from 'prom-client';
import { heldFilePath } from '../break-glass/held-file-path.ts';
import { requestIds } from '../http/request-id.ts';
import type { Log } from '../platform/log.ts';
import { createLog } from '../platform/log.ts';
import { addProcessMetrics } from '../platform/metrics.ts';
import { readOpenFilesMax } from '../platform/open-files.ts';
import { systemRandom } from '../platform/random.ts';
import { systemSchedule } from '../platform/schedule.ts';
import { createTracing } from '../platform/tracing.ts';
import { describeFaults, settingsInForce } from '../settings/setting-table.ts';
import type { Settings } from '../settings/settings.ts';
import { parseSettings, SETTINGS } from '../settings/settings.ts';
import { isPassingFault, openStorage } from '../storage/open-storage.ts';
import { banner, keysText } from './banner.ts';
import { openPatiently } from './open-patiently.ts';
import { EXIT_SETTINGS, EXIT_START, endOnSignal, fail } from './process-end.ts';
import { describeStartFault } from './start-fault.ts';
import type { RunningServer } from './start-server.ts';
import { startServer } from './start-server.ts';

/** The flags of `dimmer serve`; each goes before its variable. */
export interface ServeFlags {
  readonly host?: string;
  readonly port?: string;
  readonly database?: string;
}

/**
 * `dimmer serve`: starts the server in this process and handles its signals.
 *
 * @param variables - The environment of the process.
 */
export async function serve(
  flags: ServeFlags,
  variables: Readonly<Record<string, string | undefined>>,
  version: string,
): Promise<void> {
  const given = withFlags(variables, flags);
  const parsed = parseSettings(given);
  if (!parsed.ok) return fail(describeFaults(parsed.faults), EXIT_SETTINGS);
  const { settings } = parsed;
  const log = createLog(settings.logLevel, process.stderr);
  try {
    const server = await start(settings, log, version);
    endOnSignal(server, log);
    log.info({ version, settings: settingsInForce(SETTINGS, given) }, 'started');
    // Last: whoever reads it may send a signal at once.
    process.stdout.write(`${banner(server, version)}\n`);
  } catch (cause) {
    fail(describeStartFault(cause, settings), EXIT_START);
  }
}

async function start(settings: Settings, log: Log, version: string): Promise<RunningServer> {
  const registry = new Registry();
  addProcessMetrics(registry);
  const isPassing = (cause: unknown): boolean => isPassingFault(cause, settings);
  const newId = requestIds(systemRandom);
  const patience = { settings, isPassing, newId, schedule: systemSchedule, log };
  const { storage, clock } = await openPatiently(() => openStorage(settings, log, registry), patience);
  const openFilesMax = readOpenFilesMax();
  const limits = openFilesMax === undefined ? {} : { openFilesMax };
  return startServer({
    settings,
    storage,
    clock,
    log,
    version,
    registry,
    tracing: createTracing(version),
    heldKillsFile: heldFilePath(settings),
    // At once: a port that is taken must not cost the keys, which nothing keeps.
    onNewSecrets: (secrets) => process.stdout.write(keysText(secrets)),
    ...limits,
  });
}

function withFlags(
  environment: Readonly<Record<string, string | undefined>>,
  { host, port, database }: ServeFlags,
): Record<string, string | undefined> {
  return {
    ...environment,
    ...(host !== undefined && { DIMMER_HOST: host }),
    ...(port !== undefined && { DIMMER_PORT: port }),
    ...(database !== undefined && { DIMMER_DATABASE_URL: database }),
  };
}
