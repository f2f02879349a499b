import fc from 'fast-check';
import type { ImageRow, ImageTable } from './image.ts';
import { columnsOf, IMAGE_TABLE_NAMES, IMAGE_TABLES, imageRowOf } from './image.ts';

const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('', '\n', '{"a":"\\u2028"}', '日本'));

const VALUES = {
  text,
  'text?': fc.option(text),
  integer: fc.maxSafeInteger(),
  boolean: fc.boolean(),
} as const;

/** A row as any table may have it; rows of several tables agree on nothing. */
export const arbitraryImageRow: fc.Arbitrary<ImageRow> = fc
  .constantFrom(...IMAGE_TABLE_NAMES)
  .chain((table) => valuesFor(table).map((values) => rowOf(table, values)));

function valuesFor(table: ImageTable): fc.Arbitrary<unknown[]> {
  const types: Readonly<Record<string, keyof typeof VALUES>> = IMAGE_TABLES[table].columns;
  return fc.tuple(...columnsOf(table).map((column) => VALUES[types[column] ?? 'text']));
}

/** @throws Error where the values do not fit the table. */
export function rowOf(table: ImageTable, values: readonly unknown[]): ImageRow {
  const read = imageRowOf(table, values);
  if ('fault' in read) throw new Error(read.fault);
  return read.row;
}
