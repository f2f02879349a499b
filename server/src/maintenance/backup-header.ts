import { z } from 'zod';
import type { ImageTable } from '../storage/image.ts';
import { columnsOf, IMAGE_TABLE_NAMES } from '../storage/image.ts';
import { BackupDamage, OtherVersion } from './backup-damage.ts';

const FORMAT = 'dimmer-backup';

/** The form of the file. It rises when a reader of today could not read it any more. */
const VERSION = 1;

const header = z.object({
  format: z.literal(FORMAT),
  version: z.number(),
  takenAt: z.string(),
  adapter: z.string(),
  dimmer: z.string(),
  columns: z.record(z.string(), z.array(z.string())),
});

const trailer = z.object({
  rows: z.record(z.string(), z.int()),
  sha256: z.string(),
});

/** The first line of a backup. */
export type BackupHeader = z.infer<typeof header>;

/** The last line of a backup: how many rows of each table there are, and the SHA-256 of all bytes before the line. */
export type BackupTrailer = z.infer<typeof trailer>;

/** @param dimmer - Version of the program. */
export function headerOf(facts: Pick<BackupHeader, 'takenAt' | 'adapter' | 'dimmer'>): BackupHeader {
  const columns = Object.fromEntries(IMAGE_TABLE_NAMES.map((table) => [table, [...columnsOf(table)]]));
  return { format: FORMAT, version: VERSION, ...facts, columns };
}

/**
 * Reads the first line. Tables that a backup of before does not have are tables without rows.
 *
 * @throws BackupDamage where it is none, OtherVersion where this version cannot read it.
 */
export function readHeader(line: unknown): BackupHeader {
  const read = header.safeParse(line);
  if (!read.success) throw new BackupDamage('it does not begin as a backup does');
  const { version, columns, dimmer } = read.data;
  if (version !== VERSION)
    throw new OtherVersion(`is of form ${version}, and this version of Dimmer reads ${VERSION}`, dimmer);
  for (const [table, names] of Object.entries(columns)) {
    if (!isImageTable(table) || names.join() !== columnsOf(table).join()) {
      throw new OtherVersion(`has another table ${table} than this version`, dimmer);
    }
  }
  return read.data;
}

/** @returns `undefined` where the line is no last line. */
export function readTrailer(line: unknown): BackupTrailer | undefined {
  return trailer.safeParse(line).data;
}

export function isImageTable(name: unknown): name is ImageTable {
  return IMAGE_TABLE_NAMES.some((table) => table === name);
}
