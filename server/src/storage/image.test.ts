import { getTableColumns, is, Table } from 'drizzle-orm';
import { expect, test } from 'vitest';
import { columnsOf, EPHEMERAL_TABLES, IMAGE_TABLE_NAMES, imageRowOf, valuesOf } from './image.ts';
import * as postgres from './postgres/tables.ts';
import * as sqlite from './sqlite/tables.ts';

/** What an adapter exports, and the columns that it keeps for itself, whatever the table. */
const ADAPTERS: readonly (readonly [string, Readonly<Record<string, unknown>>, readonly string[]])[] = [
  ['SQLite', sqlite, []],
  ['PostgreSQL', postgres, ['stamp', 'removalStamp', 'place']],
];

test.each(ADAPTERS)(
  '[MV27] every table of %s is in an image or ephemeral, with all its columns',
  (_, tables, own) => {
    const found = Object.entries(tables).filter(([, table]) => is(table, Table));
    const lasting = found.map(([name]) => name).filter((name) => !EPHEMERAL_TABLES.includes(name));
    expect(lasting.sort()).toEqual([...IMAGE_TABLE_NAMES].sort());
    for (const [name, table] of found) {
      const image = IMAGE_TABLE_NAMES.find((known) => known === name);
      if (image === undefined || !is(table, Table)) continue;
      const columns = Object.keys(getTableColumns(table)).filter((column) => !own.includes(column));
      expect(columns.sort(), name).toEqual([...columnsOf(image)].sort());
    }
  },
);

test('[MV27] a row has a value of the right type for every column', () => {
  expect(imageRowOf('flags', ['shop', 'a'])).toEqual({ fault: 'it has 2 values where 3 are needed' });
  expect(imageRowOf('flags', ['shop', 'a', null])).toEqual({
    fault: 'document is null where text is needed',
  });
  expect(imageRowOf('segments', ['shop', 'a', 1.5, '{}'])).toHaveProperty('fault');
  const read = imageRowOf('changes', [1, 2, 3, 'k1', 'ci', 'test', null, 1]);
  expect('row' in read && valuesOf(read.row)).toEqual([1, 2, 3, 'k1', 'ci', 'test', null, true]);
});
