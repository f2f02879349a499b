import { join } from 'node:path';
import type { Settings } from '../settings/settings.ts';
import { isPostgresUrl, sqlitePath } from '../storage/database-url.ts';

/**
 * Where a server keeps the kills that it holds: in the folder that it was given, or else beside its SQLite file. With
 * PostgreSQL there is no folder that is its own unless it is given one.
 *
 * @returns `undefined`: nowhere.
 * @example heldFilePath({ heldKillsDir: undefined, databaseUrl: 'file:./data/dimmer.db' }) // './data/dimmer.db-held-kills.json'
 */
export function heldFilePath({
  heldKillsDir,
  databaseUrl,
}: Pick<Settings, 'heldKillsDir' | 'databaseUrl'>): string | undefined {
  if (heldKillsDir !== undefined) return join(heldKillsDir, 'held-kills.json');
  return isPostgresUrl(databaseUrl) ? undefined : `${sqlitePath(databaseUrl)}-held-kills.json`;
}
