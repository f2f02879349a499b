import { systemSchedule } from '../../server/src/platform/schedule.ts';
import type { PostgresStorageOptions } from '../../server/src/storage/postgres/open-postgres-storage.ts';
import { openPostgresStorage } from '../../server/src/storage/postgres/open-postgres-storage.ts';
import type { Storage } from '../../server/src/storage/storage.ts';
import { createTestDatabase, type TestDatabase } from './postgres-database.ts';
import { ManualClock } from './storage-subject.ts';

/** Servers that share one database, as far as storage is concerned. One database for all tests of a file. */
export class PostgresServers {
  readonly clock = new ManualClock();
  readonly #open: Storage[] = [];
  #database: TestDatabase | undefined;

  /** Begins a test: a database without a row. */
  async begin(): Promise<void> {
    this.#database ??= await createTestDatabase();
    await this.#database.empty();
  }

  get database(): TestDatabase {
    if (this.#database === undefined) throw new Error('no database was made');
    return this.#database;
  }

  /** One more server. It is closed with the test. */
  async start(options: Partial<PostgresStorageOptions> = {}): Promise<Storage> {
    const storage = await openPostgresStorage({
      url: this.database.url,
      clock: this.clock,
      schedule: systemSchedule,
      ...options,
    });
    this.#open.push(storage);
    return storage;
  }

  /** Ends a test. */
  async end(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((storage) => storage.close()));
  }

  /** Drops the database. */
  async drop(): Promise<void> {
    await this.#database?.drop();
  }
}
