import { systemSchedule } from '../../server/src/platform/schedule.ts';
import {
  openPostgresStorage,
  openStorageOn,
} from '../../server/src/storage/postgres/open-postgres-storage.ts';
import {
  PGLITE_TARGET,
  PgliteConnections,
  PgliteServer,
} from '../../server/src/storage/postgres/pglite-connections.fixture.ts';
import type { Storage } from '../../server/src/storage/storage.ts';
import { createTestDatabase, type TestDatabase } from './postgres-database.ts';
import { Failpoint } from './storage-adapters.ts';
import { ManualClock, type StorageSubject } from './storage-subject.ts';

/** What both kinds of PostgreSQL are opened with. */
interface OpenOptions {
  readonly clock: ManualClock;
  readonly schedule: typeof systemSchedule;
  readonly onBackgroundError: (error: unknown) => void;
  readonly onStatement: (sql: string) => void;
}

let pglite: PgliteServer | undefined;

/** PostgreSQL inside the process. One for all tests of a file, emptied for each. */
export async function openPgliteSubject(): Promise<StorageSubject> {
  pglite ??= new PgliteServer();
  const server = pglite;
  await server.empty();
  return openSubject((options) =>
    openStorageOn(new PgliteConnections(server, options.onStatement), PGLITE_TARGET, options),
  );
}

/** Opens storages on a database of a real PostgreSQL. One for all tests of a file, emptied for each. */
export class PostgresSubjects {
  #database: TestDatabase | undefined;

  readonly open = async (): Promise<StorageSubject> => {
    this.#database ??= await createTestDatabase();
    const { url, empty } = this.#database;
    await empty();
    return openSubject((options) => openPostgresStorage({ ...options, url }));
  };

  /** Drops the database. */
  async drop(): Promise<void> {
    await this.#database?.drop();
  }
}

async function openSubject(openStorage: (options: OpenOptions) => Promise<Storage>): Promise<StorageSubject> {
  const clock = new ManualClock();
  const backgroundErrors: unknown[] = [];
  const failpoint = new Failpoint();
  const options: OpenOptions = {
    clock,
    schedule: systemSchedule,
    onBackgroundError: (error) => backgroundErrors.push(error),
    onStatement: (sql) => failpoint.pass(sql),
  };
  let storage = await openStorage(options);
  return {
    get storage() {
      return storage;
    },
    clock,
    backgroundErrors,
    failAtStatement: (n) => failpoint.arm(n),
    reopen: async () => {
      await storage.close();
      storage = await openStorage(options);
      return storage;
    },
    dispose: () => storage.close(),
  };
}
