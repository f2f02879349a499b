import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemSchedule } from '../../server/src/platform/schedule.ts';
import type { ImageSource, ImageTarget } from '../../server/src/storage/image.ts';
import {
  openPostgresSource,
  openPostgresTarget,
} from '../../server/src/storage/postgres/open-postgres-image.ts';
import { openPostgresStorage } from '../../server/src/storage/postgres/open-postgres-storage.ts';
import { openSqliteSource, openSqliteTarget } from '../../server/src/storage/sqlite/open-sqlite-image.ts';
import { openSqliteStorage } from '../../server/src/storage/sqlite/open-sqlite-storage.ts';
import type { Storage } from '../../server/src/storage/storage.ts';
import { createTestDatabase, postgresMissing } from './postgres-database.ts';
import { ManualClock } from './storage-subject.ts';

/** A place where an adapter keeps a store; nothing is there at first. */
export interface StorePlace {
  readonly clock: ManualClock;
  openStorage(): Promise<Storage>;
  openSource(exclusive: boolean): Promise<ImageSource>;
  openTarget(): Promise<ImageTarget>;
  dispose(): Promise<void>;
}

export interface StoreAdapter {
  readonly name: string;
  makePlace(): Promise<StorePlace>;
}

const sqlite: StoreAdapter = {
  name: 'sqlite',
  async makePlace() {
    const folder = mkdtempSync(join(tmpdir(), 'dimmer-image-'));
    const path = join(folder, 'dimmer.db');
    const clock = new ManualClock();
    return {
      clock,
      openStorage: () => openSqliteStorage({ path, clock }),
      openSource: (exclusive) => openSqliteSource({ path, exclusive }),
      openTarget: () => openSqliteTarget({ path, clock }),
      dispose: async () => rmSync(folder, { recursive: true }),
    };
  },
};

const postgres: StoreAdapter = {
  name: 'postgres',
  async makePlace() {
    const { url, drop } = await createTestDatabase();
    const clock = new ManualClock();
    return {
      clock,
      openStorage: () => openPostgresStorage({ url, clock, schedule: systemSchedule }),
      openSource: (exclusive) => openPostgresSource({ url, exclusive }),
      openTarget: () => openPostgresTarget({ url, schedule: systemSchedule }),
      dispose: drop,
    };
  },
};

/** Every adapter whose stores outlive their process, as far as this machine has what it needs. */
export const STORE_ADAPTERS: readonly StoreAdapter[] = [
  sqlite,
  ...(postgresMissing === undefined ? [postgres] : []),
];
