import { and, eq, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import {
  apiKeys,
  audit,
  changedObjects,
  changes,
  configurations,
  definitions,
  environments,
  flags,
  projects,
  replies,
  segments,
} from './tables.ts';

const { placeholder } = sql;

/** The statements of a commit, prepared once: a change set may run thousands of them in one transaction. */
export type DraftStatements = ReturnType<typeof prepareDraftStatements>;

export function prepareDraftStatements(database: Database) {
  return {
    ...prepareProjectStatements(database),
    ...preparePlaceStatements(database),
    ...prepareLogStatements(database),
    ...prepareKeyStatements(database),
  };
}

function prepareProjectStatements(database: Database) {
  return {
    putProject: database
      .insert(projects)
      .values({
        key: placeholder('key'),
        name: placeholder('name'),
        description: placeholder('description'),
        createdAt: placeholder('createdAt'),
        version: placeholder('version'),
      })
      .onConflictDoUpdate({
        target: projects.key,
        set: {
          name: sql`excluded.name`,
          description: sql`excluded.description`,
          createdAt: sql`excluded.created_at`,
          version: sql`excluded.version`,
        },
      })
      .prepare(),
    putEnvironment: database
      .insert(environments)
      .values({
        project: placeholder('project'),
        key: placeholder('key'),
        name: placeholder('name'),
        epoch: placeholder('epoch'),
        createdAt: placeholder('createdAt'),
        floorAt: placeholder('createdAt'),
        secureMode: placeholder('secureMode'),
        revision: 0,
        historyFloor: 0,
      })
      .onConflictDoUpdate({
        target: [environments.project, environments.key],
        set: {
          name: sql`excluded.name`,
          epoch: sql`excluded.epoch`,
          createdAt: sql`excluded.created_at`,
          secureMode: sql`excluded.secure_mode`,
        },
      })
      .prepare(),
    putFlag: database
      .insert(flags)
      .values({
        project: placeholder('project'),
        key: placeholder('key'),
        document: placeholder('document'),
      })
      .onConflictDoUpdate({
        target: [flags.project, flags.key],
        set: { document: sql`excluded.document` },
      })
      .prepare(),
    /** Takes the lock of the environment's row, and its next revision with it. */
    takeRevision: database
      .update(environments)
      .set({ revision: sql`${environments.revision} + 1` })
      .where(
        and(
          eq(environments.project, placeholder('project')),
          eq(environments.key, placeholder('environment')),
        ),
      )
      .returning({ id: environments.id, revision: environments.revision })
      .prepare(),
  };
}

function preparePlaceStatements(database: Database) {
  const replacement = { version: sql`excluded.version`, document: sql`excluded.document` };
  const place = {
    environment: placeholder('environment'),
    version: placeholder('version'),
    document: placeholder('document'),
  };
  return {
    putConfiguration: database
      .insert(configurations)
      .values({ ...place, flag: placeholder('flag') })
      .onConflictDoUpdate({ target: [configurations.environment, configurations.flag], set: replacement })
      .prepare(),
    removeConfiguration: database
      .delete(configurations)
      .where(
        and(
          eq(configurations.environment, placeholder('environment')),
          eq(configurations.flag, placeholder('flag')),
        ),
      )
      .prepare(),
    putSegment: database
      .insert(segments)
      .values({ ...place, key: placeholder('key') })
      .onConflictDoUpdate({ target: [segments.environment, segments.key], set: replacement })
      .prepare(),
    removeSegment: database
      .delete(segments)
      .where(and(eq(segments.environment, placeholder('environment')), eq(segments.key, placeholder('key'))))
      .prepare(),
    putDefinition: database
      .insert(definitions)
      .values({ ...place, kind: placeholder('kind'), key: placeholder('key') })
      .onConflictDoUpdate({
        target: [definitions.environment, definitions.kind, definitions.key],
        set: replacement,
      })
      .prepare(),
  };
}

function prepareLogStatements(database: Database) {
  const entry = {
    at: placeholder('at'),
    actorId: placeholder('actorId'),
    actorName: placeholder('actorName'),
    action: placeholder('action'),
    reason: placeholder('reason'),
  };
  return {
    addChange: database
      .insert(changes)
      .values({
        ...entry,
        environment: placeholder('environment'),
        revision: placeholder('revision'),
        kill: placeholder('kill'),
      })
      .prepare(),
    addChangedObject: database
      .insert(changedObjects)
      .values({
        environment: placeholder('environment'),
        revision: placeholder('revision'),
        position: placeholder('position'),
        kind: placeholder('kind'),
        key: placeholder('key'),
        before: placeholder('before'),
        after: placeholder('after'),
        definition: placeholder('definition'),
      })
      .prepare(),
    addAuditEntry: database
      .insert(audit)
      .values({
        ...entry,
        subject: placeholder('subject'),
        project: placeholder('project'),
        details: placeholder('details'),
        revisions: placeholder('revisions'),
      })
      .prepare(),
  };
}

function prepareKeyStatements(database: Database) {
  return {
    findReply: database
      .select()
      .from(replies)
      .where(and(eq(replies.actor, placeholder('actor')), eq(replies.key, placeholder('key'))))
      .prepare(),
    putReply: database
      .insert(replies)
      .values({
        actor: placeholder('actor'),
        key: placeholder('key'),
        fingerprint: placeholder('fingerprint'),
        reply: placeholder('reply'),
        at: placeholder('at'),
      })
      .onConflictDoUpdate({
        target: [replies.actor, replies.key],
        set: {
          fingerprint: sql`excluded.fingerprint`,
          reply: sql`excluded.reply`,
          at: sql`excluded.at`,
        },
      })
      .prepare(),
    revokeKey: database
      .delete(apiKeys)
      .where(eq(apiKeys.id, placeholder('id')))
      .prepare(),
  };
}
