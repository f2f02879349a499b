/*
 * A store as rows, alike for every adapter: what a backup keeps, and what goes from one store to another.
 */

/** What a column holds; with `?`, nothing at times. */
type ColumnType = 'text' | 'text?' | 'integer' | 'boolean';

interface TableShape {
  /** Rows come as they were created, or sorted by these columns, texts byte by byte. */
  readonly order: 'creation' | readonly string[];
  readonly columns: { readonly [column: string]: ColumnType };
}

/**
 * Every table whose rows belong to a store, in an order in which rows may refer to those of tables before. A new table
 * belongs here or in {@link EPHEMERAL_TABLES}; a test holds the lists and every adapter together. A backup of before lacks
 * a new table, and is read as one without rows. One that lacks a new column is refused, so a column is added
 * together with what `maintenance/backup-header.ts` puts in its place.
 */
export const IMAGE_TABLES = {
  projects: {
    order: 'creation',
    columns: { key: 'text', name: 'text', description: 'text', createdAt: 'text', version: 'integer' },
  },
  environments: {
    order: ['id'],
    columns: {
      id: 'integer',
      project: 'text',
      key: 'text',
      name: 'text',
      epoch: 'text',
      createdAt: 'text',
      revision: 'integer',
      historyFloor: 'integer',
      floorAt: 'text',
      secureMode: 'boolean',
    },
  },
  flags: { order: 'creation', columns: { project: 'text', key: 'text', document: 'text' } },
  configurations: {
    order: 'creation',
    columns: { environment: 'integer', flag: 'text', version: 'integer', document: 'text' },
  },
  segments: {
    order: 'creation',
    columns: { environment: 'integer', key: 'text', version: 'integer', document: 'text' },
  },
  definitions: {
    order: ['environment', 'kind', 'key'],
    columns: { environment: 'integer', kind: 'text', key: 'text', version: 'integer', document: 'text?' },
  },
  changes: {
    order: ['environment', 'revision'],
    columns: {
      environment: 'integer',
      revision: 'integer',
      at: 'integer',
      actorId: 'text',
      actorName: 'text',
      action: 'text',
      reason: 'text?',
      kill: 'boolean',
    },
  },
  changedObjects: {
    order: ['environment', 'revision', 'position'],
    columns: {
      environment: 'integer',
      revision: 'integer',
      position: 'integer',
      kind: 'text',
      key: 'text',
      before: 'text?',
      after: 'text?',
      definition: 'text?',
    },
  },
  audit: {
    order: ['id'],
    columns: {
      id: 'integer',
      at: 'integer',
      actorId: 'text',
      actorName: 'text',
      action: 'text',
      subject: 'text',
      project: 'text?',
      reason: 'text?',
      details: 'text',
      revisions: 'text',
    },
  },
  apiKeys: {
    order: 'creation',
    columns: {
      id: 'text',
      kind: 'text',
      name: 'text',
      hint: 'text',
      hash: 'text',
      role: 'text?',
      project: 'text?',
      environment: 'text?',
      createdAt: 'text',
      expiresAt: 'text?',
    },
  },
  replies: {
    order: ['actor', 'key'],
    columns: { actor: 'text', key: 'text', fingerprint: 'text', reply: 'text', at: 'integer' },
  },
  exposures: {
    order: ['environment', 'flag', 'minute', 'variation', 'reason', 'source'],
    columns: {
      environment: 'integer',
      flag: 'text',
      minute: 'integer',
      variation: 'text',
      reason: 'text',
      source: 'text',
      count: 'integer',
    },
  },
} as const satisfies { readonly [table: string]: TableShape };

/** Tables that say what is going on, and mean nothing in another store or at another time. */
export const EPHEMERAL_TABLES: readonly string[] = [
  // Which process has a SQLite file open.
  'holder',
  // How often what all servers share was written, so that each knows when to read it again: PostgreSQL.
  'catalog',
  // Which batches of counts are in `exposures`, so that one which comes again is known for some hours.
  'countedBatches',
  // Which servers there are, what they tell each other, and which of them does what: PostgreSQL.
  'servers',
  'instances',
  'leases',
];

export type ImageTable = keyof typeof IMAGE_TABLES;

export const IMAGE_TABLE_NAMES = Object.keys(IMAGE_TABLES) as readonly ImageTable[];

export type ImageValue = string | number | boolean | null;

interface ValueOf {
  readonly text: string;
  readonly 'text?': string | null;
  readonly integer: number;
  readonly boolean: boolean;
}

type RowOf<Columns> = {
  readonly [Column in keyof Columns]: Columns[Column] extends ColumnType ? ValueOf[Columns[Column]] : never;
};

/** One row and its table. */
export type ImageRow = {
  readonly [Table in ImageTable]: {
    readonly table: Table;
    readonly row: RowOf<(typeof IMAGE_TABLES)[Table]['columns']>;
  };
}[ImageTable];

/** Reads a store as it is at one moment. */
export interface ImageSource {
  readonly adapter: string;
  /** Every row, table after table in the order of {@link IMAGE_TABLES}, with little of it in memory at once. */
  rows(): AsyncIterable<ImageRow>;
  close(): Promise<void>;
}

/** Fills a store that has nothing in it yet, and that nobody uses. */
export interface ImageTarget {
  readonly adapter: string;
  /**
   * Writes rows and commits all of them, or none. Until then the store bears a mark that no server starts on.
   *
   * @param verify - Is given the rows that were written, read back in order; where it throws, nothing is committed.
   */
  fill(
    rows: AsyncIterable<ImageRow>,
    verify: (written: AsyncIterable<ImageRow>) => Promise<void>,
  ): Promise<void>;
  close(): Promise<void>;
}

/** The names of a table's columns, in the order in which a row is written. */
export function columnsOf(table: ImageTable): readonly string[] {
  return Object.keys(IMAGE_TABLES[table].columns);
}

/**
 * A row from the values of its columns, each of the type that it must be.
 *
 * @param values - In the order of {@link columnsOf}; numbers stand for booleans, as SQLite has them.
 * @returns The row, or the fault: `version is null`.
 */
export function imageRowOf(
  table: ImageTable,
  values: readonly unknown[],
): { readonly row: ImageRow } | { readonly fault: string } {
  const columns = Object.entries<ColumnType>(IMAGE_TABLES[table].columns);
  if (values.length !== columns.length) {
    return { fault: `it has ${values.length} values where ${columns.length} are needed` };
  }
  const row: Record<string, ImageValue> = {};
  for (const [index, [name, type]] of columns.entries()) {
    const value = checkedValue(type, values[index]);
    if (value === undefined) return { fault: `${name} is ${wordFor(values[index])} where ${type} is needed` };
    row[name] = value;
  }
  // Every column was looked at just now, as the table says.
  return { row: { table, row } as unknown as ImageRow };
}

/** The values of a row, in the order of {@link columnsOf}. */
export function valuesOf({ table, row }: ImageRow): readonly ImageValue[] {
  const values: Readonly<Record<string, ImageValue>> = row;
  return columnsOf(table).map((column) => values[column] ?? null);
}

function checkedValue(type: ColumnType, value: unknown): ImageValue | undefined {
  switch (type) {
    case 'text':
      return typeof value === 'string' ? value : undefined;
    case 'text?':
      return typeof value === 'string' || value === null ? value : undefined;
    case 'integer':
      return Number.isSafeInteger(value) ? Number(value) : undefined;
    case 'boolean':
      if (value === 0 || value === 1) return value === 1;
      return typeof value === 'boolean' ? value : undefined;
  }
}

function wordFor(value: unknown): string {
  return value === null ? 'null' : value instanceof Uint8Array ? 'bytes' : `a ${typeof value}`;
}
