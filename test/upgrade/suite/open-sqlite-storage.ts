import { existsSync } from 'node:fs';
import * as storage from '../../../server/src/storage/sqlite/open-sqlite-storage.ts';
import { newTables } from './new-tables.ts';

/** The commit's own, on a file that a later build has made. */
export const openSqliteStorage: typeof storage.openSqliteStorage = async (options) => {
  if (!existsSync(options.path)) await newTables().sqlite(options.path);
  const opened = await storage.openSqliteStorage(options);
  await newTables().opened('sqlite', options.path);
  return opened;
};
