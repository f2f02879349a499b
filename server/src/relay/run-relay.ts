import { hostname } from 'node:os';
import { Registry } from 'prom-client';
import { createLog } from '../platform/log.ts';
import { addProcessMetrics } from '../platform/metrics.ts';
import { readOpenFilesMax } from '../platform/open-files.ts';
import { createTracing } from '../platform/tracing.ts';
import { EXIT_SETTINGS, EXIT_START, endOnSignal, fail } from '../process/process-end.ts';
import { describeListenFault } from '../process/start-fault.ts';
import { describeFaults, settingsInForce } from '../settings/setting-table.ts';
import { parseRelaySettings, RELAY_SETTINGS } from './relay-settings.ts';
import { startRelay } from './start-relay.ts';

/** The flags of `dimmer relay`; each goes before its variable. */
export interface RelayFlags {
  readonly upstream?: string;
  readonly key?: readonly string[];
  readonly cache?: string;
  readonly name?: string;
  readonly host?: string;
  readonly port?: string;
}

/**
 * `dimmer relay`: starts a relay in this process and handles its signals.
 *
 * @param variables - The environment of the process.
 */
export async function runRelay(
  flags: RelayFlags,
  variables: Readonly<Record<string, string | undefined>>,
  version: string,
): Promise<void> {
  const given = withFlags(variables, flags);
  const parsed = parseRelaySettings(given);
  if (!parsed.ok) return fail(describeFaults(parsed.faults), EXIT_SETTINGS);
  const { settings } = parsed;
  const log = createLog(settings.logLevel, process.stderr);
  const registry = new Registry();
  addProcessMetrics(registry);
  const openFilesMax = readOpenFilesMax();
  try {
    const relay = await startRelay({
      settings,
      name: settings.name ?? hostname(),
      log,
      version,
      registry,
      tracing: createTracing(version),
      ...(openFilesMax !== undefined && { openFilesMax }),
    });
    endOnSignal(relay, log);
    log.info({ version, settings: settingsInForce(RELAY_SETTINGS, given) }, 'started');
    // Last: whoever reads it may send a signal at once.
    process.stdout.write(
      `Dimmer ${version} relays ${settings.upstream.href} on ${relay.url}\n\nTry:\n  curl ${relay.url}/readyz\n`,
    );
  } catch (cause) {
    fail(describeListenFault(cause, settings), EXIT_START);
  }
}

function withFlags(
  variables: Readonly<Record<string, string | undefined>>,
  { upstream, key, cache, name, host, port }: RelayFlags,
): Record<string, string | undefined> {
  return {
    ...variables,
    ...(upstream !== undefined && { DIMMER_RELAY_UPSTREAM: upstream }),
    ...(key !== undefined && { DIMMER_RELAY_KEYS: key.join() }),
    ...(cache !== undefined && { DIMMER_RELAY_CACHE: cache }),
    ...(name !== undefined && { DIMMER_RELAY_NAME: name }),
    ...(host !== undefined && { DIMMER_HOST: host }),
    ...(port !== undefined && { DIMMER_PORT: port }),
  };
}
