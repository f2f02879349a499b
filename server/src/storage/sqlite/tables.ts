import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';

/*
 * JSON is kept as plain text: a row that does not parse must be found when that row is read, not end the
 * query that meets it. Times of the log are integers (milliseconds), because the log is searched by time.
 */

/** Who has the file open. One row; written at every start. */
export const holder = sqliteTable('holder', {
  id: integer().primaryKey(),
  pid: integer().notNull(),
  host: text().notNull(),
  startedAt: integer('started_at').notNull(),
});

export const projects = sqliteTable('projects', {
  key: text().primaryKey(),
  name: text().notNull(),
  description: text().notNull(),
  createdAt: text('created_at').notNull(),
  version: integer().notNull(),
});

export const environments = sqliteTable(
  'environments',
  {
    /** Grows with every environment, so it is the order of creation too. */
    id: integer().primaryKey({ autoIncrement: true }),
    project: text()
      .notNull()
      .references(() => projects.key),
    key: text().notNull(),
    name: text().notNull(),
    epoch: text().notNull(),
    createdAt: text('created_at').notNull(),
    revision: integer().notNull(),
    historyFloor: integer('history_floor').notNull(),
    /** When the revision of the floor was committed; the creation of the environment at first. */
    floorAt: text('floor_at').notNull(),
    secureMode: integer('secure_mode', { mode: 'boolean' }).notNull().default(false),
  },
  (table) => [uniqueIndex('environments_by_key').on(table.project, table.key)],
);

export const flags = sqliteTable(
  'flags',
  {
    project: text()
      .notNull()
      .references(() => projects.key),
    key: text().notNull(),
    document: text().notNull(),
  },
  (table) => [primaryKey({ columns: [table.project, table.key] })],
);

/** A flag's place in an environment: its configuration and its kill. Those of archived flags stay. */
export const configurations = sqliteTable(
  'configurations',
  {
    environment: integer()
      .notNull()
      .references(() => environments.id),
    flag: text().notNull(),
    version: integer().notNull(),
    document: text().notNull(),
  },
  (table) => [primaryKey({ columns: [table.environment, table.flag] })],
);

export const segments = sqliteTable(
  'segments',
  {
    environment: integer()
      .notNull()
      .references(() => environments.id),
    key: text().notNull(),
    version: integer().notNull(),
    document: text().notNull(),
  },
  (table) => [primaryKey({ columns: [table.environment, table.key] })],
);

/** What SDKs receive. A row without a document is a tombstone. */
export const definitions = sqliteTable(
  'definitions',
  {
    environment: integer()
      .notNull()
      .references(() => environments.id),
    kind: text({ enum: ['flag', 'segment'] }).notNull(),
    key: text().notNull(),
    version: integer().notNull(),
    document: text(),
  },
  (table) => [primaryKey({ columns: [table.environment, table.kind, table.key] })],
);

/**
 * In the file it is `WITHOUT ROWID`, which drizzle cannot say: its key is the table, where an index beside it would be one
 * more page in every commit. A migration that drizzle-kit writes to rebuild it must say so again.
 */
export const changes = sqliteTable(
  'changes',
  {
    environment: integer()
      .notNull()
      .references(() => environments.id),
    revision: integer().notNull(),
    at: integer().notNull(),
    actorId: text('actor_id').notNull(),
    actorName: text('actor_name').notNull(),
    action: text().notNull(),
    reason: text(),
    kill: integer({ mode: 'boolean' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.environment, table.revision] })],
);

export const changedObjects = sqliteTable(
  'changed_objects',
  {
    environment: integer()
      .notNull()
      .references(() => environments.id),
    revision: integer().notNull(),
    /** Place in the change, from 0. */
    position: integer().notNull(),
    kind: text({ enum: ['flag', 'segment'] }).notNull(),
    key: text().notNull(),
    before: text(),
    after: text(),
    definition: text(),
  },
  (table) => [
    primaryKey({ columns: [table.environment, table.revision, table.position] }),
    index('changed_objects_by_key').on(table.environment, table.kind, table.key, table.revision),
  ],
);

/**
 * Nothing deletes from it, so the largest id and one more was never given to another entry. `AUTOINCREMENT`, which promises
 * that for tables that are deleted from, would write one more page in every commit.
 */
export const audit = sqliteTable('audit', {
  id: integer().primaryKey(),
  at: integer().notNull(),
  actorId: text('actor_id').notNull(),
  actorName: text('actor_name').notNull(),
  action: text().notNull(),
  subject: text().notNull(),
  project: text(),
  reason: text(),
  details: text().notNull(),
  revisions: text().notNull(),
});

export const apiKeys = sqliteTable(
  'api_keys',
  {
    id: text().primaryKey(),
    kind: text({ enum: ['admin', 'server', 'client'] }).notNull(),
    name: text().notNull(),
    hint: text().notNull(),
    hash: text().notNull(),
    role: text(),
    project: text(),
    environment: text(),
    createdAt: text('created_at').notNull(),
    expiresAt: text('expires_at'),
  },
  (table) => [uniqueIndex('api_keys_by_hash').on(table.hash)],
);

/** Replies kept for requests that carried an Idempotency-Key. */
export const replies = sqliteTable(
  'replies',
  {
    actor: text().notNull(),
    key: text().notNull(),
    fingerprint: text().notNull(),
    reply: text().notNull(),
    at: integer().notNull(),
  },
  (table) => [primaryKey({ columns: [table.actor, table.key] }), index('replies_by_time').on(table.at)],
);

/** Evaluations that SDKs have counted, by minute. `variation` is empty where none was chosen. */
export const exposures = sqliteTable(
  'exposures',
  {
    environment: integer()
      .notNull()
      .references(() => environments.id),
    flag: text().notNull(),
    /** Start of the minute, in milliseconds since the Unix epoch. */
    minute: integer().notNull(),
    variation: text().notNull(),
    reason: text().notNull(),
    /** Whose SDKs counted: those of server keys, or of client keys. */
    source: text({ enum: ['server', 'client'] })
      .notNull()
      .default('server'),
    count: integer().notNull(),
  },
  (table) => [
    primaryKey({
      columns: [table.environment, table.flag, table.minute, table.variation, table.reason, table.source],
    }),
    index('exposures_by_minute').on(table.minute),
  ],
);

/** Names of batches whose counts are in `exposures`, in the order in which they were added. */
export const countedBatches = sqliteTable(
  'counted_batches',
  {
    place: integer().primaryKey(),
    name: text().notNull(),
    at: integer().notNull(),
  },
  (table) => [uniqueIndex('counted_batches_by_name').on(table.name)],
);
