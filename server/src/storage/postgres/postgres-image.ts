import type { Column } from 'drizzle-orm';
import { getTableColumns, getTableName } from 'drizzle-orm';
import type { PgTable } from 'drizzle-orm/pg-core';
import type pg from 'pg';
import type { ImageRow, ImageTable } from '../image.ts';
import { columnsOf, IMAGE_TABLE_NAMES, IMAGE_TABLES, imageRowOf, valuesOf } from '../image.ts';
import { StorageFault } from '../storage.ts';
import * as tables from './tables.ts';

/** Rows that are in memory at once. Each may have three documents of the largest flag. */
const PAGE_ROWS = 100;

/** Columns that other servers are told of changes by. Every row of a filled store has the first of them. */
const STAMP = 'stamp';

/** Numbers of rows that the database itself hands out. */
const IDENTITIES = ['environments', 'audit'] as const satisfies readonly ImageTable[];

const TABLES: { readonly [table in ImageTable]: PgTable } = tables;

/** Every row of a database. The connection must be in a transaction, so that all of them are of one moment. */
export async function* readRows(client: pg.Client, name: string): AsyncGenerator<ImageRow> {
  for (const table of IMAGE_TABLE_NAMES) {
    await client.query(`declare image no scroll cursor for ${selectOf(table)}`);
    let rows: readonly unknown[][];
    do {
      const fetched = { text: `fetch ${PAGE_ROWS} from image`, rowMode: 'array' } as const;
      rows = (await client.query<unknown[]>(fetched)).rows;
      for (const values of rows) yield checkedRow(table, values, name);
    } while (rows.length === PAGE_ROWS);
    await client.query('close image');
  }
}

/** Writes rows, many in one statement. It must run inside a transaction. */
export async function writeRows(client: pg.Client, rows: AsyncIterable<ImageRow>): Promise<void> {
  let page: ImageRow[] = [];
  for await (const row of rows) {
    const isOther = page[0] !== undefined && page[0].table !== row.table;
    if (isOther || page.length === PAGE_ROWS) {
      await insert(client, page);
      page = [];
    }
    page.push(row);
  }
  await insert(client, page);
  await client.query(`update ${nameOf(tables.catalog)} set stamp = stamp + 1`);
  for (const table of IDENTITIES) {
    const into = nameOf(TABLES[table]);
    await client.query(
      `select setval(pg_get_serial_sequence('${into}', 'id'), max(id)) from ${into} having max(id) is not null`,
    );
  }
}

/** The first table that has a row. */
export async function firstFilledTable(client: pg.Client): Promise<ImageTable | undefined> {
  for (const table of IMAGE_TABLE_NAMES) {
    const { rowCount } = await client.query(`select 1 from ${nameOf(TABLES[table])} limit 1`);
    if (rowCount !== 0) return table;
  }
  return undefined;
}

async function insert(client: pg.Client, page: readonly ImageRow[]): Promise<void> {
  const [first] = page;
  if (first === undefined) return;
  const values = page.flatMap(valuesOf);
  assertStorable(first.table, values);
  const names = columnNames(first.table);
  const hasStamp = STAMP in getTableColumns(TABLES[first.table]);
  const columns = [...names, ...(hasStamp ? [STAMP] : [])].join(', ');
  const tuples = page.map((_, row) => {
    const places = names.map((__, column) => `$${row * names.length + column + 1}`);
    return `(${[...places, ...(hasStamp ? ['1'] : [])].join(', ')})`;
  });
  const into = `${nameOf(TABLES[first.table])} (${columns}) overriding system value`;
  await client.query(`insert into ${into} values ${tuples.join(', ')}`, values);
}

/** PostgreSQL keeps every character but one. */
function assertStorable(table: ImageTable, values: readonly unknown[]): void {
  const text = values.find((value) => typeof value === 'string' && value.includes('\0'));
  if (text === undefined) return;
  throw new StorageFault(
    'unavailable',
    `A row of ${table} has a text with the character U+0000, which PostgreSQL cannot keep: ${JSON.stringify(text)}. ` +
      'Nothing was written. Change the text where it comes from, and run this again.',
  );
}

function selectOf(table: ImageTable): string {
  const { order } = IMAGE_TABLES[table];
  const types: Readonly<Record<string, string>> = IMAGE_TABLES[table].columns;
  // Byte by byte, as in every other adapter, whatever language the database sorts by.
  const inOrder =
    order === 'creation'
      ? ['place']
      : order.map((name) => columnName(table, name) + (types[name] === 'text' ? ' collate "C"' : ''));
  return `select ${columnNames(table).join(', ')} from ${nameOf(TABLES[table])} order by ${inOrder.join(', ')}`;
}

function checkedRow(table: ImageTable, values: readonly unknown[], name: string): ImageRow {
  const types = Object.values<string>(IMAGE_TABLES[table].columns);
  // The driver hands over what has 64 bits as a text.
  const read = imageRowOf(
    table,
    values.map((value, index) => (types[index] === 'integer' ? Number(value) : value)),
  );
  if ('row' in read) return read.row;
  const row = `${nameOf(TABLES[table])} (${String(values[0])}, ${String(values[1])})`;
  throw new StorageFault('damaged', `The row ${row} of ${name} cannot be read: ${read.fault}.`);
}

function columnNames(table: ImageTable): readonly string[] {
  return columnsOf(table).map((column) => columnName(table, column));
}

function columnName(table: ImageTable, column: string): string {
  const columns: Readonly<Record<string, Column>> = getTableColumns(TABLES[table]);
  return `"${columns[column]?.name ?? column}"`;
}

function nameOf(table: PgTable): string {
  return getTableName(table);
}
