import { expect, test } from 'vitest';
import { parseSettings } from '../settings/settings.ts';
import type { DatabaseFacts, PostgresFacts, SqliteFacts } from '../storage/database-facts.ts';
import { diagnose, tellFindings } from './doctor.ts';
import type { Facts, ServerFacts } from './facts.ts';
import type { Finding } from './finding.ts';
import { agoText, bytesText } from './quantity-text.ts';

const NOW = Date.parse('2026-11-28T12:00:00Z');
const DAY_MS = 86_400_000;

const SQLITE: SqliteFacts = {
  kind: 'sqlite',
  path: '/data/dimmer.db',
  version: '3.51.2',
  quickCheck: 'ok',
  journalMode: 'wal',
  bytes: 4_096,
  freeBytes: 10 * 1024 ** 3,
  fileSystem: 'local',
  unwritable: undefined,
  steps: 3,
  knownSteps: 3,
  holder: { pid: 7, host: 'flags-1', isHere: true },
  holderRuns: true,
};

const ABSENT: DatabaseFacts = { kind: 'absent', path: '/x', freeBytes: 1e12, unwritable: undefined };

const POSTGRES: PostgresFacts = {
  kind: 'postgres',
  version: '15.20',
  encoding: 'UTF8',
  missingRights: [],
  user: 'dimmer',
  synchronousCommit: 'on',
  forcesToDisk: true,
  clockAheadMs: 3,
  roundTripMs: 2,
  connectionsMax: 100,
  connections: 12,
  isReadOnly: false,
  steps: 1,
  knownSteps: 1,
};

const SERVER: Extract<ServerFacts, { readonly reached: true }> = {
  reached: true,
  url: 'https://flags.example',
  isLive: true,
  isReady: true,
  databaseAgeMs: 400,
  environmentsBehindReaders: 0,
  version: '1.2.0',
  roundTripMs: 12,
  clockAheadMs: 300,
  keyStatus: 200,
};

const HEALTHY: Facts = {
  settings: parseSettings({}),
  unknownVariables: [],
  database: SQLITE,
  newestBackupAt: NOW - DAY_MS,
  machine: {
    openFilesMax: 65_536,
    backlogMax: 4_096,
    tcpRetries: 8,
    memoryBytes: 4 * 1024 ** 3,
    heapBytesMax: 2 * 1024 ** 3,
  },
  versions: { dimmer: '1.2.0', node: '22.15.0' },
  server: SERVER,
  now: NOW,
};

const badOf = (facts: Facts): readonly Finding[] => diagnose(facts).filter(({ level }) => level !== 'ok');

const withSettings = (variables: Record<string, string>): Partial<Facts> => ({
  settings: parseSettings(variables),
});
const withDatabase = (database: DatabaseFacts): Partial<Facts> => ({ database });
const withMachine = (machine: Partial<Facts['machine']>): Partial<Facts> => ({
  machine: { ...HEALTHY.machine, ...machine },
});
const withServer = (server: Partial<typeof SERVER>): Partial<Facts> => ({ server: { ...SERVER, ...server } });

test('[P17] what is healthy is ok, and has nothing to do', () => {
  for (const database of [SQLITE, POSTGRES]) {
    const findings = diagnose({ ...HEALTHY, database });
    expect(findings.filter(({ level }) => level !== 'ok')).toEqual([]);
    expect(new Set(findings.map(({ area }) => area))).toEqual(
      new Set(['settings', 'database', 'machine', 'versions', 'server', 'clock']),
    );
  }
});

const CASES: readonly (readonly [string, Partial<Facts>, readonly string[]])[] = [
  ['[P18] a refused setting', withSettings({ DIMMER_PORT: 'x' }), ['problem settings']],
  ['[P18] a slip in a name', { unknownVariables: ['DIMMER_HOTS'] }, ['warning settings']],
  [
    '[P18] an open host without proxies',
    withSettings({ DIMMER_HOST: '0.0.0.0' }),
    ['note settings', 'note settings', 'note settings'],
  ],
  [
    '[P18] an open host for any origin',
    withSettings({
      DIMMER_HOST: '0.0.0.0',
      DIMMER_CORS_ORIGINS: '*',
      DIMMER_METRICS: 'false',
      DIMMER_TRUSTED_PROXIES: '10.0.0.0/8',
    }),
    ['note settings', 'warning settings'],
  ],
  [
    '[P18] a drain beyond the grace period',
    withSettings({ DIMMER_DRAIN_SPREAD_MS: '20001' }),
    ['warning settings'],
  ],
  ['[P18] a drain at the grace period', withSettings({ DIMMER_DRAIN_SPREAD_MS: '20000' }), []],
  [
    '[P18] heartbeats beyond idle timeouts',
    withSettings({ DIMMER_HEARTBEAT_MS: '20001' }),
    ['warning settings'],
  ],
  ['[P18] a key above the whole', withSettings({ DIMMER_STREAMS_MAX: '9999' }), ['note settings']],
  [
    '[P18] held kills that are kept nowhere',
    withSettings({ DIMMER_DATABASE_URL: 'postgres://db/dimmer' }),
    ['warning settings'],
  ],
  [
    '[P18] hardly any history',
    withSettings({ DIMMER_HISTORY_DAYS: '0', DIMMER_HISTORY_REVISIONS: '99' }),
    ['warning settings'],
  ],
  [
    '[P19] a database that is not reached',
    withDatabase({ kind: 'unreachable', what: 'x', cause: 'no.', remedy: undefined }),
    ['problem database'],
  ],
  ['[P19] a refused database', withDatabase({ kind: 'unknown' }), ['note database']],
  ['[P19] no database yet', withDatabase(ABSENT), ['note database']],
  [
    '[P19] no database and no space',
    withDatabase({ ...ABSENT, freeBytes: 1e6 }),
    ['note database', 'problem database'],
  ],
  [
    '[P19] no database, and a folder that may not be written',
    withDatabase({ ...ABSENT, unwritable: '/' }),
    ['note database', 'problem database'],
  ],
  [
    '[P19] a file that may not be written',
    withDatabase({ ...SQLITE, unwritable: '/data/dimmer.db' }),
    ['problem database'],
  ],
  ['[P19] another encoding', withDatabase({ ...POSTGRES, encoding: 'LATIN1' }), ['problem database']],
  [
    '[P19] a user who cannot make the tables',
    withDatabase({ ...POSTGRES, steps: undefined, missingRights: ['CREATE'] }),
    ['problem database', 'note database'],
  ],
  [
    '[P19] a user who cannot make the tables of the next version',
    withDatabase({ ...POSTGRES, missingRights: ['CREATE'] }),
    ['note database'],
  ],
  [
    '[P19] a user who cannot use the tables',
    withDatabase({ ...POSTGRES, missingRights: ['USAGE', 'CREATE'] }),
    ['problem database'],
  ],
  [
    '[P19] a file of another user',
    withDatabase({ kind: 'foreign', path: '/x', owner: 7, user: 0 }),
    ['warning database'],
  ],
  ['[P19] damage', withDatabase({ ...SQLITE, quickCheck: 'row 7 missing' }), ['problem database']],
  ['[P19] another journal', withDatabase({ ...SQLITE, journalMode: 'delete' }), ['note database']],
  ['[P19] a network file system', withDatabase({ ...SQLITE, fileSystem: 'network' }), ['problem database']],
  ['[P19] a file in memory', withDatabase({ ...SQLITE, fileSystem: 'memory' }), ['warning database']],
  ['[P19] a holder that has ended', withDatabase({ ...SQLITE, holderRuns: false }), []],
  [
    '[P19] a holder elsewhere',
    withDatabase({ ...SQLITE, holder: { pid: 7, host: 'x', isHere: false }, holderRuns: undefined }),
    ['note database'],
  ],
  ['[P19] little space', withDatabase({ ...SQLITE, freeBytes: 200 * 1024 ** 2 }), ['warning database']],
  ['[P19] hardly any space', withDatabase({ ...SQLITE, freeBytes: 20 * 1024 ** 2 }), ['problem database']],
  ['[P19] tables of an earlier version', withDatabase({ ...SQLITE, steps: 2 }), ['note database']],
  ['[P19] tables of a later version', withDatabase({ ...SQLITE, steps: 4 }), ['note database']],
  ['[P19] no tables', withDatabase({ ...POSTGRES, steps: undefined }), ['note database']],
  [
    '[P19] commits of others that do not wait',
    withDatabase({ ...POSTGRES, synchronousCommit: 'off' }),
    ['note database'],
  ],
  [
    '[P19] [PG6] a PostgreSQL that forces nothing to its disk',
    withDatabase({ ...POSTGRES, forcesToDisk: false }),
    ['warning database'],
  ],
  ['[P19] a replica', withDatabase({ ...POSTGRES, isReadOnly: true }), ['problem database']],
  ['[P19] few connections', withDatabase({ ...POSTGRES, connections: 81 }), ['warning database']],
  ['[P19] a database far away', withDatabase({ ...POSTGRES, roundTripMs: 21 }), ['warning database']],
  ['[P19] a clock that is ahead', withDatabase({ ...POSTGRES, clockAheadMs: 1_001 }), ['warning clock']],
  ['[P19] a clock that is behind', withDatabase({ ...POSTGRES, clockAheadMs: -1_001 }), ['warning clock']],
  ['[P19] no word of backups', { newestBackupAt: undefined }, ['note database']],
  ['[P19] no backup', { newestBackupAt: null }, ['warning database']],
  ['[P19] an old backup', { newestBackupAt: NOW - 3 * DAY_MS }, ['warning database']],
  ['[P20] few open files', withMachine({ openFilesMax: 1_024 }), ['warning machine']],
  [
    '[P20] a limit that nobody tells',
    withMachine({ openFilesMax: undefined, backlogMax: undefined, tcpRetries: undefined }),
    [],
  ],
  ['[P20] a short queue', withMachine({ backlogMax: 128 }), ['note machine']],
  ['[P20] a patient kernel', withMachine({ tcpRetries: 15 }), ['note machine']],
  ['[P20] little memory', withMachine({ memoryBytes: 256 * 1024 ** 2 }), ['warning machine']],
  ['[P20] a small heap', withMachine({ heapBytesMax: 100 * 1024 ** 2 }), ['warning machine']],
  ['[P20] an old Node', { versions: { dimmer: '1.2.0', node: '20.18.3' } }, ['problem versions']],
  [
    '[P21] a server that is not reached',
    { server: { reached: false, url: 'x', cause: 'no.' } },
    ['problem server'],
  ],
  ['[P21] something else at the address', withServer({ isLive: false }), ['problem server']],
  [
    '[P21] a server that drains',
    withServer({ isReady: false, databaseAgeMs: undefined }),
    ['problem server'],
  ],
  ['[P21] a server without its database', withServer({ databaseAgeMs: 10_001 }), ['problem server']],
  [
    '[P21] [M42] SDKs that know what was lost',
    withServer({ environmentsBehindReaders: 1 }),
    ['problem server'],
  ],
  ['[P21] a slow server', withServer({ roundTripMs: 251 }), ['warning server']],
  ['[P21] another version', withServer({ version: '1.3.0' }), ['note server']],
  ['[P21] another clock', withServer({ clockAheadMs: -2_001 }), ['warning clock']],
  ['[P21] no key to try', withServer({ keyStatus: undefined }), ['note server']],
  ['[P21] a key that has expired', withServer({ keyStatus: 401 }), ['problem server']],
  ['[P21] a fault at the key', withServer({ keyStatus: 503 }), ['warning server']],
  ['[P21] no server named', { server: undefined }, []],
];

test.each(CASES)('%s', (_title, change, expected) => {
  const bad = badOf({ ...HEALTHY, ...change });
  expect(bad.map(({ level, area }) => `${level} ${area}`).sort()).toEqual([...expected].sort());
  for (const { found, remedy } of bad) {
    expect(found.length).toBeGreaterThan(10);
    expect(remedy).not.toBeNull();
  }
});

test('[P17] only a problem is an exit code of 1, and every other finding says what to do', () => {
  const told = (facts: Facts, isJson = false) => {
    const lines: string[] = [];
    const terminal = {
      out: (line: string) => void lines.push(line),
      note: () => {},
      rewrite: () => {},
      canRewrite: false,
      paint: (_tone: string, text: string) => text,
    };
    return { code: tellFindings(diagnose(facts), terminal, isJson), lines };
  };
  expect(told({ ...HEALTHY, ...withMachine({ memoryBytes: 1 }) }).code).toBe(0);
  const damaged = told({ ...HEALTHY, ...withDatabase({ ...SQLITE, quickCheck: 'row 7 missing' }) });
  expect(damaged.code).toBe(1);
  const at = damaged.lines.findIndex((line) => line.includes('row 7 missing'));
  expect(damaged.lines[at]).toMatch(/^problem {2}database {2}/);
  expect(damaged.lines[at + 1]).toMatch(/^ +Do: Stop the server/);
  expect(damaged.lines.at(-1)).toMatch(/, 1 problem$/);
  const json = JSON.parse(told(HEALTHY, true).lines.join('')) as { counts: object; findings: object[] };
  expect(json.counts).toEqual({ ok: json.findings.length, note: 0, warning: 0, problem: 0 });
});

test('[P17] amounts are readable', () => {
  expect([0, 1_023, 1_572_864, 200 * 1024 ** 3].map(bytesText)).toEqual([
    '0 bytes',
    '1023 bytes',
    '1.5 MiB',
    '200 GiB',
  ]);
  expect([59_999, 7_200_000, 3 * DAY_MS].map(agoText)).toEqual(['0 minutes', '2 hours', '3 days']);
});
