import {
  bigint,
  boolean,
  index,
  integer,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
} from 'drizzle-orm/pg-core';

/*
 * As in SQLite, JSON is kept as plain text: a row that does not parse must be found when that row is read, not end the
 * query that meets it. Times of the log are milliseconds, because the log is searched by time.
 *
 * A `stamp` counts the writes of a project, or of the catalog. A server that holds state in memory compares its stamp
 * under the lock, and reads again what carries a later one. A `place` is the order of creation.
 */

const stamp = () => bigint({ mode: 'number' }).notNull();
const place = () => bigint({ mode: 'number' }).generatedAlwaysAsIdentity();
const milliseconds = () => bigint({ mode: 'number' }).notNull();

/** One row: the stamp of what belongs to the whole server, which are projects and keys. */
export const catalog = pgTable('catalog', { id: integer().primaryKey(), stamp: stamp() });

export const projects = pgTable('projects', {
  key: text().primaryKey(),
  name: text().notNull(),
  description: text().notNull(),
  createdAt: text('created_at').notNull(),
  version: integer().notNull(),
  stamp: stamp(),
  /** The stamp of the last write that removed a row of the state: what is held in memory from before is read anew. */
  removalStamp: bigint('removal_stamp', { mode: 'number' }).notNull().default(0),
  place: place(),
});

export const environments = pgTable(
  'environments',
  {
    /** Grows with every environment, so it is the order of creation too. */
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
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
    secureMode: boolean('secure_mode').notNull(),
  },
  (table) => [uniqueIndex('environments_by_key').on(table.project, table.key)],
);

const environment = () =>
  integer()
    .notNull()
    .references(() => environments.id);

export const flags = pgTable(
  'flags',
  {
    project: text()
      .notNull()
      .references(() => projects.key),
    key: text().notNull(),
    document: text().notNull(),
    stamp: stamp(),
    place: place(),
  },
  (table) => [
    primaryKey({ columns: [table.project, table.key] }),
    index('flags_by_stamp').on(table.project, table.stamp),
  ],
);

/** A flag's place in an environment: its configuration and its kill. Those of archived flags stay. */
export const configurations = pgTable(
  'configurations',
  {
    environment: environment(),
    flag: text().notNull(),
    version: integer().notNull(),
    document: text().notNull(),
    stamp: stamp(),
    place: place(),
  },
  (table) => [
    primaryKey({ columns: [table.environment, table.flag] }),
    index('configurations_by_stamp').on(table.environment, table.stamp),
  ],
);

export const segments = pgTable(
  'segments',
  {
    environment: environment(),
    key: text().notNull(),
    version: integer().notNull(),
    document: text().notNull(),
    stamp: stamp(),
    place: place(),
  },
  (table) => [
    primaryKey({ columns: [table.environment, table.key] }),
    index('segments_by_stamp').on(table.environment, table.stamp),
  ],
);

/** What SDKs receive. A row without a document is a tombstone. */
export const definitions = pgTable(
  'definitions',
  {
    environment: environment(),
    kind: text({ enum: ['flag', 'segment'] }).notNull(),
    key: text().notNull(),
    version: integer().notNull(),
    document: text(),
  },
  (table) => [primaryKey({ columns: [table.environment, table.kind, table.key] })],
);

export const changes = pgTable(
  'changes',
  {
    environment: environment(),
    revision: integer().notNull(),
    at: milliseconds(),
    actorId: text('actor_id').notNull(),
    actorName: text('actor_name').notNull(),
    action: text().notNull(),
    reason: text(),
    kill: boolean().notNull(),
  },
  (table) => [primaryKey({ columns: [table.environment, table.revision] })],
);

export const changedObjects = pgTable(
  'changed_objects',
  {
    environment: environment(),
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

export const audit = pgTable('audit', {
  id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
  at: milliseconds(),
  actorId: text('actor_id').notNull(),
  actorName: text('actor_name').notNull(),
  action: text().notNull(),
  subject: text().notNull(),
  project: text(),
  reason: text(),
  details: text().notNull(),
  revisions: text().notNull(),
});

export const apiKeys = pgTable(
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
    place: place(),
  },
  (table) => [uniqueIndex('api_keys_by_hash').on(table.hash)],
);

/** Replies kept for requests that carried an Idempotency-Key. */
export const replies = pgTable(
  'replies',
  {
    actor: text().notNull(),
    key: text().notNull(),
    fingerprint: text().notNull(),
    reply: text().notNull(),
    at: milliseconds(),
  },
  (table) => [primaryKey({ columns: [table.actor, table.key] }), index('replies_by_time').on(table.at)],
);

/**
 * Evaluations that SDKs have counted, by minute. `variation` is empty where none was chosen. Environments are not
 * referred to by a key of the table: checking it would lock their rows, which commits write.
 */
export const exposures = pgTable(
  'exposures',
  {
    environment: integer().notNull(),
    flag: text().notNull(),
    /** Start of the minute, in milliseconds since the Unix epoch. */
    minute: milliseconds(),
    variation: text().notNull(),
    reason: text().notNull(),
    /** Whose SDKs counted: those of server keys, or of client keys. */
    source: text({ enum: ['server', 'client'] }).notNull(),
    count: bigint({ mode: 'number' }).notNull(),
  },
  (table) => [
    primaryKey({
      columns: [table.environment, table.flag, table.minute, table.variation, table.reason, table.source],
    }),
    index('exposures_by_minute').on(table.minute),
  ],
);

/** Names of batches whose counts are in `exposures`, in the order in which they were added. */
export const countedBatches = pgTable(
  'counted_batches',
  {
    place: place().primaryKey(),
    name: text().notNull(),
    at: milliseconds(),
  },
  (table) => [uniqueIndex('counted_batches_by_name').on(table.name)],
);

const moment = (name: string) => timestamp(name, { withTimezone: true }).notNull();

/** Who does what has to be done once, until when by the clock of PostgreSQL. The token grows with every holder. */
export const leases = pgTable('leases', {
  name: text().primaryKey(),
  holder: text().notNull(),
  token: stamp(),
  until: moment('until'),
});

/**
 * What servers tell each other of running SDKs. The migration makes it, and `servers`, UNLOGGED: nothing is lost with
 * them that is not told again within seconds, and what thousands tell costs no disk.
 */
export const instances = pgTable(
  'instances',
  {
    server: text().notNull(),
    project: text().notNull(),
    environment: text().notNull(),
    id: text().notNull(),
    document: text(),
    at: moment('at'),
  },
  (table) => [
    primaryKey({ columns: [table.server, table.project, table.environment, table.id] }),
    index('instances_by_time').on(table.at),
  ],
);

export const servers = pgTable('servers', { id: text().primaryKey(), seenAt: moment('seen_at') });
