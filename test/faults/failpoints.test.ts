import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createTestDatabase, postgresMissing, type TestDatabase } from '../contract/postgres-database.ts';
import type { Failpoints, Place } from './failpoints.ts';
import { createServerProcess, type ServerProcess } from './server-process.ts';
import { createFlag } from './writer.ts';

const PATIENTLY = { timeout: 40_000 };
const FLAG = 'written';
const ENVIRONMENT = '/api/v1/projects/default/environments/production';

let server: ServerProcess;
let writes = 0;

describe('[H8] a write on SQLite that ends at a failpoint', () => {
  let directory: string;

  endsWholeAtAnyPlace({
    // Revision, configuration, change, definition, object of the change, audit, reply, and COMMIT.
    statements: 8,
    open: async () => {
      directory = await mkdtemp(join(tmpdir(), 'dimmer-failpoints-'));
      return join(directory, 'dimmer.db');
    },
    remove: () => rm(directory, { recursive: true }),
  });
});

describe.skipIf(postgresMissing !== undefined)(
  `[H8] a write on PostgreSQL that ends at a failpoint${postgresMissing ?? ''}`,
  () => {
    let database: TestDatabase;

    endsWholeAtAnyPlace({
      // The same, and the stamp of the project.
      statements: 9,
      open: async () => {
        database = await createTestDatabase();
        return database.url;
      },
      remove: () => database.drop(),
    });
  },
);

interface Store {
  /** How many statements a write has that change rows, or commit. */
  readonly statements: number;
  /** Makes a database, and says where. */
  readonly open: () => Promise<string>;
  /** Takes it away. */
  readonly remove: () => Promise<void>;
}

function endsWholeAtAnyPlace({ statements, open, remove }: Store): void {
  beforeAll(async () => {
    server = await createServerProcess(await open(), {}, {});
    await server.start();
    await createFlag(server, FLAG);
  });

  afterAll(async () => {
    await server.end('SIGTERM');
    await remove();
  });

  test('[DUR-3, DUR-8] an error before any statement leaves nothing, and the repeated write is made once', async () => {
    expect(await placesWhere('throw')).toBe(statements);
  }, 240_000);

  test('[DUR-3, DUR-8] kill -9 before any statement leaves nothing, and the repeated write is made once', async () => {
    expect(await placesWhere('kill')).toBe(statements);
  }, 240_000);

  test.each([
    ['kill -9 behind COMMIT', 'committed', 'kill'],
    ['kill -9 before the answer', 'reply', 'kill'],
    ['an error before the answer', 'reply', 'throw'],
  ] as const)(
    '[DUR-3, DUR-8] %s leaves all of it, and the repeated write gets its answer',
    async (_, at, by) => {
      expect(await isMadeOnce({ at, by, leaves: 'all' })).toBe(true);
    },
  );
}

/** @returns How many statements a write has; at each it was made to fail. */
async function placesWhere(by: Attempt['by']): Promise<number> {
  let nth = 1;
  while (await isMadeOnce({ at: `statement ${nth}`, by, leaves: 'nothing' })) nth += 1;
  return nth - 1;
}

interface Attempt {
  readonly at: Place;
  readonly by: 'kill' | 'throw';
  readonly leaves: 'nothing' | 'all';
}

/**
 * Writes, fails, looks at what is there, and repeats the write with the same Idempotency-Key.
 *
 * @returns Whether the place was reached.
 */
async function isMadeOnce({ at, by, leaves }: Attempt): Promise<boolean> {
  writes += 1;
  const marker = `w${writes}`;
  const before = await observe();
  const made = { marker, ...nextOf(before) };
  await server.arm({ [at]: by } satisfies Failpoints);
  const answered = await write(marker);
  const isKilled = answered === undefined;
  if (isKilled) expect(await server.ended(), at).toBe('SIGKILL');
  await server.arm({});
  if (answered?.ok) return false;
  expect(isKilled, at).toBe(by === 'kill');
  if (isKilled) await server.start();
  expect(await observe(), `after ${by} at ${at}`).toEqual(leaves === 'all' ? made : before);
  const repeated = await write(marker);
  expect(repeated, `repeated after ${by} at ${at}`).toMatchObject({ ok: true, replayed: leaves === 'all' });
  expect(await write(marker)).toEqual({ ...repeated, replayed: true });
  expect(await observe(), `repeated after ${by} at ${at}`).toEqual(made);
  return true;
}

/** The four that a commit writes together, and what readers are sent. */
interface Observed {
  /** The rule of the flag. */
  readonly marker: string | undefined;
  readonly revision: number;
  readonly changes: number;
  readonly audits: number;
  /** The revision of the flag that SDKs receive. */
  readonly delivered: number | undefined;
}

async function observe(): Promise<Observed> {
  const [flag, changes, audit] = await Promise.all([
    read<{ readonly rules: readonly { readonly id: string }[] }>(`${ENVIRONMENT}/flags/${FLAG}`),
    read<{ readonly items: readonly { readonly revision: number }[] }>(`${ENVIRONMENT}/revisions?limit=500`),
    read<{ readonly items: readonly unknown[] }>('/api/v1/audit?limit=500'),
  ]);
  // A commit whose writer failed behind it is announced by PostgreSQL, or by the tick of a second: readers get it then.
  const head = Math.max(0, ...changes.items.map(({ revision }) => revision));
  const snapshot = await vi.waitFor(
    () => read<SnapshotAnswer>(`/sdk/v1/snapshot?min-revision=${head}`, server.serverKey),
    PATIENTLY,
  );
  return {
    marker: flag.rules[0]?.id,
    revision: snapshot.revision,
    changes: changes.items.length,
    audits: audit.items.length,
    delivered: snapshot.objects.find(({ key }) => key === FLAG)?.version,
  };
}

interface SnapshotAnswer {
  readonly revision: number;
  readonly objects: readonly { readonly key: string; readonly version: number }[];
}

function nextOf({ revision, changes, audits }: Observed) {
  return { revision: revision + 1, changes: changes + 1, audits: audits + 1, delivered: revision + 1 };
}

async function read<Answer>(path: string, key = server.adminKey): Promise<Answer> {
  const response = await fetch(server.url + path, { headers: { authorization: `Bearer ${key}` } });
  expect(response.status, path).toBe(200);
  return (await response.json()) as Answer;
}

/** @returns `undefined` where no answer came. */
async function write(marker: string) {
  const rules = [{ id: marker, when: { all: [] }, serve: { variation: 'on' } }];
  const edit = { edit: 'patchConfiguration', flag: FLAG, patch: { enabled: true, rules } };
  const response = await fetch(`${server.url}${ENVIRONMENT}/changes`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${server.adminKey}`,
      'content-type': 'application/json',
      'idempotency-key': `key-${marker}`,
    },
    body: JSON.stringify({ edits: [edit] }),
  }).catch(() => undefined);
  if (response === undefined) return undefined;
  const replayed = response.headers.get('idempotency-replayed') === 'true';
  return { ok: response.ok, status: response.status, body: await response.text(), replayed };
}
