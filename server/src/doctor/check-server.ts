import type { Facts, ServerFacts } from './facts.ts';
import type { Finding } from './finding.ts';
import { findingsOf } from './finding.ts';

const { ok, note, warning, problem } = findingsOf('server');

const DATABASE_AGE_MAX_MS = 10_000;
const ROUND_TRIP_MAX_MS = 250;
/** A `Date` header counts whole seconds: less says nothing. */
const CLOCK_MAX_MS = 2_000;

type Reached = Extract<ServerFacts, { readonly reached: true }>;

/** How a running server does, as seen from here. */
export function checkServer({ server, versions }: Facts): readonly Finding[] {
  if (server === undefined) return [];
  if (!server.reached) {
    return [
      problem(
        `${server.url} cannot be reached: ${server.cause}`,
        'Is the server running, and does the way there (name, port, proxy, TLS) lead to it?',
      ),
    ];
  }
  if (!server.isLive) {
    return [
      problem(
        `${server.url} does not answer as a Dimmer server.`,
        'Look where the address leads: /livez should answer 200.',
      ),
    ];
  }
  return [
    ok(`${server.url} is live.`),
    readyFinding(server),
    ...ageFindings(server),
    ...lossFindings(server),
    server.roundTripMs <= ROUND_TRIP_MAX_MS
      ? ok(`It answers in ${server.roundTripMs} ms.`)
      : warning(
          `It takes ${server.roundTripMs} ms to answer.`,
          'Look at the lag of its event loop in /metrics, and at the way there.',
        ),
    ...versionFindings(server, versions.dimmer),
    ...clockFindings(server),
    keyFinding(server),
  ];
}

function readyFinding({ isReady }: Reached): Finding {
  if (isReady) return ok('It is ready.');
  return problem(
    'It is not ready: it drains, has not reached its database yet, loads environments, or cannot follow a change.',
    'Its /readyz says which. In the log look for `the change feed cannot follow the database`.',
  );
}

function ageFindings({ databaseAgeMs }: Reached): Finding[] {
  if (databaseAgeMs === undefined) return [];
  if (databaseAgeMs <= DATABASE_AGE_MAX_MS) return [ok('Its database answers.')];
  return [
    problem(
      `Its database has not answered for ${Math.round(databaseAgeMs / 1000)} s: flags are served, and nobody can write.`,
      'Run dimmer doctor on its machine, with its settings.',
    ),
  ];
}

function lossFindings({ environmentsBehindReaders: count }: Reached): Finding[] {
  if (count === 0) return [];
  return [
    problem(
      `SDKs of ${count} ${count === 1 ? 'environment' : 'environments'} know revisions that the database does not have, and keep them.`,
      'Was an older database put back, or did it fail over? Its log names the environments: dimmer renew-epoch for each.',
    ),
  ];
}

function versionFindings({ version }: Reached, own: string): Finding[] {
  if (version === undefined) return [];
  if (version === own) return [ok(`It runs version ${version}, as this command.`)];
  return [
    note(
      `It runs version ${version}, and this command is of ${own}.`,
      'Neighbouring versions work together. Update the one that is behind.',
    ),
  ];
}

function clockFindings({ clockAheadMs }: Reached): Finding[] {
  const clock = findingsOf('clock');
  if (clockAheadMs === undefined) return [];
  if (Math.abs(clockAheadMs) <= CLOCK_MAX_MS)
    return [clock.ok('The clocks of this machine and of the server agree.')];
  return [
    clock.warning(
      `The clock of the server is ${Math.round(Math.abs(clockAheadMs) / 1000)} s ${clockAheadMs > 0 ? 'ahead of' : 'behind'} this one.`,
      'Synchronise both (chrony, systemd-timesyncd): times in the history and expiries of kills follow the server.',
    ),
  ];
}

function keyFinding({ keyStatus }: Reached): Finding {
  if (keyStatus === undefined) {
    return note(
      'No admin key was tried.',
      'Set DIMMER_ADMIN_KEY to have it looked at: a key that has expired is found out in an incident.',
    );
  }
  if (keyStatus === 200) return ok('It takes the admin key.');
  if (keyStatus === 401 || keyStatus === 403) {
    return problem(
      'It does not take the admin key.',
      'Ask for a new one: an admin makes it with POST /api/v1/keys.',
    );
  }
  return warning(`It answers ${keyStatus} to the admin key.`, 'Look at its log, by the time.');
}
