import { heldFilePath } from '../break-glass/held-file-path.ts';
import type { Settings } from '../settings/settings.ts';
import type { Facts } from './facts.ts';
import type { Finding } from './finding.ts';
import { findingsOf } from './finding.ts';

const { ok, note, warning, problem } = findingsOf('settings');

/** What a server takes to end beside the two times of a drain, in milliseconds: the last requests, and a second. */
const END_MS = 5_000;

/** What Kubernetes waits by default; Compose and Docker wait 10 s, systemd 90 s. */
const GRACE_MS = 30_000;

/** Idle timeout of a proxy that nobody has set: nginx, most load balancers. */
const PROXY_IDLE_MS = 60_000;

/** Values that are refused, and values that are accepted and seldom meant together. */
export function checkSettings({ settings, unknownVariables }: Facts): readonly Finding[] {
  const unknown = unknownVariables.map((name) =>
    warning(
      `${name} is set, and is no setting.`,
      'Look for a slip in its name: dimmer serve --help lists them all.',
    ),
  );
  if (!settings.ok) {
    const faults = settings.faults.map(({ name, message, remedy }) => problem(`${name} ${message}.`, remedy));
    return [...faults, ...unknown];
  }
  const risks = [
    ...checkReach(settings.settings),
    ...checkDrain(settings.settings),
    ...checkStreams(settings.settings),
    ...checkKeeping(settings.settings),
    ...checkHeldKills(settings.settings),
  ];
  return [ok('All settings are accepted.'), ...risks, ...unknown];
}

function checkReach({ host, corsOrigins, trustedProxies, metrics }: Settings): Finding[] {
  const isOpen = !['127.0.0.1', '::1', 'localhost'].includes(host);
  if (!isOpen) return [];
  const findings = [
    note(
      `The server listens on ${host}, without TLS.`,
      'Let other machines reach it through a proxy that speaks TLS only: docs/running.md.',
    ),
  ];
  if (trustedProxies.length === 0) {
    findings.push(
      note(
        'No proxy is trusted: behind one, all browsers share the limit of its address.',
        'Name the proxies in DIMMER_TRUSTED_PROXIES, where there are any.',
      ),
    );
  }
  if (metrics) {
    findings.push(
      note(
        '/metrics answers whoever reaches the server; it names projects and environments.',
        'Keep it inside with the proxy, or set DIMMER_METRICS=false.',
      ),
    );
  }
  if (corsOrigins.includes('*')) {
    findings.push(
      warning(
        'Pages of any origin may use client keys.',
        'Name the origins in DIMMER_CORS_ORIGINS, or turn secure mode on where contexts must not be chosen freely.',
      ),
    );
  }
  return findings;
}

function checkDrain({ drainAcceptMs, drainSpreadMs }: Settings): Finding[] {
  const takesMs = drainAcceptMs + drainSpreadMs + END_MS;
  if (takesMs <= GRACE_MS) return [];
  return [
    warning(
      `A drain takes up to ${takesMs / 1000} s, and Kubernetes kills after 30 s by default.`,
      `Give the process more than ${takesMs / 1000} s (terminationGracePeriodSeconds, stop_grace_period, TimeoutStopSec), or shorten DIMMER_DRAIN_ACCEPT_MS or DIMMER_DRAIN_SPREAD_MS.`,
    ),
  ];
}

function checkStreams({ heartbeatMs, streamsMax, streamsPerKeyMax }: Settings): Finding[] {
  const findings: Finding[] = [];
  if (3 * heartbeatMs > PROXY_IDLE_MS) {
    findings.push(
      warning(
        `Streams may be silent for ${heartbeatMs / 1000} s; proxies end what is silent for 60 s, and one lost heartbeat is enough.`,
        'Set DIMMER_HEARTBEAT_MS to 20000 or less, or raise the idle timeout of every proxy on the way.',
      ),
    );
  }
  if (streamsPerKeyMax > streamsMax) {
    findings.push(
      note(
        'One key may have more streams than the server.',
        'Set DIMMER_STREAMS_PER_KEY_MAX below DIMMER_STREAMS_MAX, so that one program cannot take all.',
      ),
    );
  }
  return findings;
}

function checkKeeping({ historyDays, historyRevisions }: Settings): Finding[] {
  if (historyDays >= 1 || historyRevisions >= 100) return [];
  return [
    warning(
      `Only ${historyRevisions} revisions are kept: what is older cannot be reverted to, and streams from there start in full.`,
      'Raise DIMMER_HISTORY_REVISIONS or DIMMER_HISTORY_DAYS.',
    ),
  ];
}

function checkHeldKills(settings: Settings): Finding[] {
  if (heldFilePath(settings) !== undefined) return [];
  return [
    warning(
      'Kills that this server holds while PostgreSQL is away are lost when it restarts.',
      'Set DIMMER_HELD_KILLS_DIR to a folder of its own that outlives the process: docs/break-glass.md.',
    ),
  ];
}
