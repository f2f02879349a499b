import type { DatabaseFacts, PostgresFacts, SchemaFacts, SqliteFacts } from '../storage/database-facts.ts';
import type { Facts } from './facts.ts';
import type { Finding } from './finding.ts';
import { findingsOf } from './finding.ts';
import { agoText, bytesText } from './quantity-text.ts';

const { ok, note, warning, problem } = findingsOf('database');

/** Less than this is a matter of days, or of one migration. */
const FREE_BYTES_MIN = 256 * 1024 * 1024;
const DAY_MS = 86_400_000;
/** A backup that is older is none: a few days of flags are many. */
const BACKUP_AGE_MAX_MS = 2 * DAY_MS;
/** Clocks that differ by more make times in the history, receipts and expiries of kills wrong. */
const CLOCK_MAX_MS = 1_000;
const ROUND_TRIP_MAX_MS = 20;
const CONNECTIONS_FREE_MIN = 20;

/** Whether the database is there, sound, of this version, and safe. */
export function checkDatabase(facts: Facts): readonly Finding[] {
  return [...checkKind(facts.database), ...checkBackup(facts)];
}

function checkKind(database: DatabaseFacts): readonly Finding[] {
  switch (database.kind) {
    case 'unknown':
      return [
        note('It was not looked at, because its setting is refused.', 'Correct DIMMER_DATABASE_URL first.'),
      ];
    case 'unreachable':
      return [
        problem(
          `${database.what} cannot be used: ${database.cause}`,
          database.remedy ?? 'Correct DIMMER_DATABASE_URL, or what it leads to.',
        ),
      ];
    case 'absent':
      return [
        note(
          `${database.path} does not exist yet.`,
          'The first start makes it. Where it should exist, correct DIMMER_DATABASE_URL.',
        ),
        ...checkWritable(database.unwritable),
        ...checkSpace(database.freeBytes),
      ];
    case 'foreign':
      return [
        warning(
          `${database.path} belongs to user ${database.owner} and was not opened by user ${database.user}, who would leave files that its server cannot use.`,
          `Run this as user ${database.owner}.`,
        ),
      ];
    case 'sqlite':
      return checkSqlite(database);
    case 'postgres':
      return checkPostgres(database);
    default:
      return database satisfies never;
  }
}

function checkSqlite(facts: SqliteFacts): Finding[] {
  const { path, version, quickCheck, journalMode, bytes, fileSystem } = facts;
  const findings = [ok(`${path} opens: SQLite ${version}, ${bytesText(bytes)}.`)];
  findings.push(
    quickCheck === 'ok'
      ? ok('Its quick check finds nothing.')
      : problem(`It is damaged: ${quickCheck}`, 'Stop the server, keep the file, and restore a backup.'),
  );
  if (journalMode !== 'wal') {
    findings.push(
      note(
        `Its journal is ${journalMode}, not WAL.`,
        'The next start of the server sets it; on a file system without shared memory it cannot.',
      ),
    );
  }
  if (fileSystem === 'network') {
    findings.push(
      problem(
        'It lies on a network file system, where locks of SQLite do not hold.',
        'Move it to a local disk, or use PostgreSQL.',
      ),
    );
  }
  if (fileSystem === 'memory') {
    findings.push(warning('It lies in memory: a restart of the machine takes it.', 'Move it to a disk.'));
  }
  return [
    ...findings,
    ...checkWritable(facts.unwritable),
    ...checkHolder(facts),
    ...checkSchema(facts),
    ...checkSpace(facts.freeBytes),
  ];
}

function checkWritable(unwritable: string | undefined): Finding[] {
  if (unwritable === undefined) return [];
  return [
    problem(
      `The user of this command may not write ${unwritable}.`,
      'Give the user of the server file and folder (chown), or run this as that user.',
    ),
  ];
}

function checkHolder({ holder, holderRuns }: SqliteFacts): Finding[] {
  if (holder === undefined) return [];
  if (holderRuns === true) return [ok(`Process ${holder.pid} uses it.`)];
  if (holder.isHere) return [ok(`No process uses it; the last was ${holder.pid}.`)];
  return [
    note(
      `The last that used it was process ${holder.pid} on ${holder.host}, which cannot be seen from here.`,
      'Make sure that it is not running before a server starts here: locks do not reach over machines.',
    ),
  ];
}

function checkPostgres(facts: PostgresFacts): Finding[] {
  const {
    version,
    synchronousCommit,
    forcesToDisk,
    roundTripMs,
    connections,
    connectionsMax,
    isReadOnly,
    clockAheadMs,
  } = facts;
  const findings = [ok(`PostgreSQL ${version} answers in ${roundTripMs} ms.`)];
  if (roundTripMs > ROUND_TRIP_MAX_MS) {
    findings.push(
      warning(
        `${roundTripMs} ms for a round trip is far: every write takes several.`,
        'Bring server and database into one place.',
      ),
    );
  }
  if (isReadOnly) {
    findings.push(
      problem(
        'It takes no writes: a replica, or a default of its user.',
        'Name the primary in DIMMER_DATABASE_URL.',
      ),
    );
  }
  findings.push(...checkFitness(facts));
  findings.push(
    synchronousCommit === 'off'
      ? note(
          'synchronous_commit is off for this user: what others write with it can be lost. Dimmer turns it on for itself.',
          'Set it to on where other programs share the user: ALTER ROLE dimmer SET synchronous_commit = on.',
        )
      : ok(`synchronous_commit is ${synchronousCommit}.`),
  );
  if (!forcesToDisk) {
    findings.push(
      warning(
        'fsync is off: a crash of its machine takes acknowledged writes, and may damage all of it.',
        'Set fsync = on in postgresql.conf, and reload it.',
      ),
    );
  }
  if (connectionsMax - connections < CONNECTIONS_FREE_MIN) {
    findings.push(
      warning(
        `${connections} of its ${connectionsMax} connections are taken.`,
        'Raise max_connections, or let others take fewer.',
      ),
    );
  }
  findings.push(clockFinding(clockAheadMs));
  return [...findings, ...checkSchema(facts)];
}

/** What a start would end with at once. */
function checkFitness({ encoding, missingRights, user, steps, knownSteps }: PostgresFacts): Finding[] {
  const findings: Finding[] = [];
  if (encoding !== 'UTF8') {
    findings.push(
      problem(
        `Its encoding is ${encoding}, and names of flags may be in any script.`,
        'Create another: createdb --encoding UTF8 --template template0',
      ),
    );
  }
  if (missingRights.length > 0) {
    // Tables that are there need no new ones until the next version.
    const isEnough = steps === knownSteps && !missingRights.includes('USAGE');
    findings.push(
      (isEnough ? note : problem)(
        `The user ${user} lacks ${missingRights.join(' and ')} on the schema public, where the tables are.`,
        `GRANT CREATE, USAGE ON SCHEMA public TO ${user};`,
      ),
    );
  }
  return findings;
}

function clockFinding(aheadMs: number): Finding {
  const clock = findingsOf('clock');
  if (Math.abs(aheadMs) <= CLOCK_MAX_MS)
    return clock.ok('The clocks of this machine and of the database agree.');
  return clock.warning(
    `The clock of the database is ${Math.abs(aheadMs)} ms ${aheadMs > 0 ? 'ahead of' : 'behind'} this one.`,
    'Synchronise both (chrony, systemd-timesyncd): times in the history and expiries of kills follow them.',
  );
}

function checkSchema({ steps, knownSteps }: SchemaFacts): Finding[] {
  if (steps === undefined) {
    return [
      note(
        'It has no tables of Dimmer.',
        'The first start makes them. Where it should have some, correct DIMMER_DATABASE_URL.',
      ),
    ];
  }
  if (steps === knownSteps) return [ok(`Its tables are those of this version (step ${steps}).`)];
  if (steps > knownSteps) {
    return [
      note(
        `Its tables are of a later version (step ${steps}; this one knows ${knownSteps}).`,
        'Servers of the version before go on. Run the later version here too.',
      ),
    ];
  }
  return [
    note(
      `Its tables are of an earlier version (step ${steps} of ${knownSteps}).`,
      'The next start brings them up to date. Make a backup before.',
    ),
  ];
}

function checkSpace(freeBytes: number | undefined): Finding[] {
  if (freeBytes === undefined) return [];
  if (freeBytes >= FREE_BYTES_MIN) return [ok(`Its disk has ${bytesText(freeBytes)} free.`)];
  return [
    (freeBytes < FREE_BYTES_MIN / 8 ? problem : warning)(
      `Its disk has only ${bytesText(freeBytes)} free; when it is full, nobody can write, and nobody can kill.`,
      'Make space, or keep less: DIMMER_HISTORY_DAYS, DIMMER_EXPOSURE_DAYS.',
    ),
  ];
}

function checkBackup({ newestBackupAt, database, now }: Facts): Finding[] {
  if (database.kind !== 'sqlite' && database.kind !== 'postgres') return [];
  if (newestBackupAt === undefined) {
    return [
      note(
        'Whether there are backups is not known.',
        'Name their folder with --backups, and their age is looked at.',
      ),
    ];
  }
  if (newestBackupAt === null)
    return [warning('The folder of backups is empty.', 'Make a backup, and make it regularly.')];
  const age = now - newestBackupAt;
  if (age <= BACKUP_AGE_MAX_MS) return [ok(`The newest backup is ${agoText(age)} old.`)];
  return [warning(`The newest backup is ${agoText(age)} old.`, 'Look why no newer one was made.')];
}
