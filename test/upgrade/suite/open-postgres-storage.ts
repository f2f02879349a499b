import * as storage from '../../../server/src/storage/postgres/open-postgres-storage.ts';
import { newTables } from './new-tables.ts';

/** The commit's own, on a database that a later build has migrated. */
export const openPostgresStorage: typeof storage.openPostgresStorage = async (options) => {
  await newTables().postgres(options.url);
  const opened = await storage.openPostgresStorage(options);
  await newTables().opened('postgres', options.url);
  return opened;
};

/** The same inside the process. */
export const openStorageOn: typeof storage.openStorageOn = async (connections, target, options) => {
  const opened = await storage.openStorageOn(connections, target, options);
  await newTables().opened('pglite', '');
  return opened;
};
