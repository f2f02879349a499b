import type SqliteConnection from 'better-sqlite3';
import type { Column } from 'drizzle-orm';
import { getTableColumns, getTableName } from 'drizzle-orm';
import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { ImageRow, ImageTable } from '../image.ts';
import { columnsOf, IMAGE_TABLE_NAMES, IMAGE_TABLES, imageRowOf, valuesOf } from '../image.ts';
import { StorageFault } from '../storage.ts';
import * as tables from './tables.ts';

/** Rows that are in memory at once. Each may have three documents of the largest flag. */
const PAGE_ROWS = 100;

const TABLES: { readonly [table in ImageTable]: SQLiteTable } = tables;

/** Every row of a database. The connection must be in a transaction, so that all of them are of one moment. */
export async function* readRows(client: SqliteConnection.Database, path: string): AsyncGenerator<ImageRow> {
  for (const table of IMAGE_TABLE_NAMES) {
    const page = pageQuery(client, table);
    let after: readonly unknown[] | undefined;
    do {
      const rows: readonly unknown[][] = after === undefined ? page.first.all() : page.next.all(...after);
      for (const values of rows) yield checkedRow(table, values.slice(page.cursorLength), path);
      after = rows.length < PAGE_ROWS ? undefined : rows.at(-1)?.slice(0, page.cursorLength);
    } while (after !== undefined);
  }
}

/** Writes one row of any table. */
export function rowWriter(client: SqliteConnection.Database): (row: ImageRow) => void {
  const inserts = new Map(
    IMAGE_TABLE_NAMES.map((table) => {
      const names = columnNames(table);
      const places = names.map(() => '?').join(', ');
      const into = `${quoted(getTableName(TABLES[table]))} (${names.join(', ')})`;
      return [table, client.prepare(`INSERT INTO ${into} VALUES (${places})`)] as const;
    }),
  );
  return (row) => {
    const values = valuesOf(row).map((value) => (typeof value === 'boolean' ? Number(value) : value));
    inserts.get(row.table)?.run(...values);
  };
}

/** The first table that has a row. */
export function firstFilledTable(client: SqliteConnection.Database): ImageTable | undefined {
  return IMAGE_TABLE_NAMES.find(
    (table) =>
      client.prepare(`SELECT 1 FROM ${quoted(getTableName(TABLES[table]))} LIMIT 1`).get() !== undefined,
  );
}

interface PageQuery {
  readonly first: SqliteConnection.Statement<unknown[], unknown[]>;
  /** Takes the first columns of the last row before. */
  readonly next: SqliteConnection.Statement<unknown[], unknown[]>;
  readonly cursorLength: number;
}

/** Pages by the columns of the order, so that no statement stays open between two of them. */
function pageQuery(client: SqliteConnection.Database, table: ImageTable): PageQuery {
  const { order } = IMAGE_TABLES[table];
  const cursor = order === 'creation' ? ['rowid'] : order.map((name) => columnName(table, name));
  const columns = [...cursor, ...columnNames(table)].join(', ');
  const select = `SELECT ${columns} FROM ${quoted(getTableName(TABLES[table]))}`;
  const inOrder = `ORDER BY ${cursor.join(', ')} LIMIT ${PAGE_ROWS}`;
  const after = `(${cursor.join(', ')}) > (${cursor.map(() => '?').join(', ')})`;
  return {
    first: client.prepare<unknown[], unknown[]>(`${select} ${inOrder}`).raw(),
    next: client.prepare<unknown[], unknown[]>(`${select} WHERE ${after} ${inOrder}`).raw(),
    cursorLength: cursor.length,
  };
}

function checkedRow(table: ImageTable, values: readonly unknown[], path: string): ImageRow {
  const read = imageRowOf(table, values);
  if ('row' in read) return read.row;
  const name = `${getTableName(TABLES[table])} (${String(values[0])}, ${String(values[1])})`;
  throw new StorageFault(
    'damaged',
    `The row ${name} of ${path} cannot be read: ${read.fault}. Repair the row with the sqlite3 command, or go back to the ` +
      'newest backup.',
  );
}

function columnNames(table: ImageTable): readonly string[] {
  return columnsOf(table).map((column) => columnName(table, column));
}

function columnName(table: ImageTable, column: string): string {
  const columns: Readonly<Record<string, Column>> = getTableColumns(TABLES[table]);
  return quoted(columns[column]?.name ?? column);
}

function quoted(name: string): string {
  return `"${name}"`;
}
