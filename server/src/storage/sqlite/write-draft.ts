import assert from 'node:assert/strict';
import type { Environment } from '../../environments/environment.ts';
import type { Flag } from '../../flags/flag.ts';
import type { DraftRecord } from '../draft-record.ts';
import type { AuditEntry, Change, ChangedObject, Draft, EnvironmentCommit } from '../storage.ts';
import type { Database } from './database.ts';
import type { ConfigurationDocument } from './documents.ts';
import type { DraftStatements } from './draft-statements.ts';
import { apiKeys } from './tables.ts';

/**
 * Writes a draft and everything that follows from it. It must run inside a transaction.
 *
 * @throws AssertionError when an environment's row is not at the revision that the draft was decided on.
 */
export function writeDraft(
  database: Database,
  statements: DraftStatements,
  draft: Draft,
  record: DraftRecord,
): void {
  if (draft.project !== undefined) statements.putProject.run({ ...draft.project });
  if (record.project !== null) {
    writeEnvironments(statements, record.project, draft.environments ?? []);
    writeFlags(statements, record.project, draft.flags ?? []);
    for (const { commit, change } of record.changes) {
      writeCommit(statements, record.project, commit, change);
    }
  }
  writeKeys(database, statements, draft);
  writeAuditEntry(statements, record.audit);
}

function writeEnvironments(
  statements: DraftStatements,
  project: string,
  environments: readonly Environment[],
): void {
  for (const environment of environments) statements.putEnvironment.run({ project, ...environment });
}

function writeFlags(statements: DraftStatements, project: string, flags: readonly Flag[]): void {
  for (const flag of flags) {
    statements.putFlag.run({ project, key: flag.key, document: JSON.stringify(flag) });
  }
}

function writeCommit(
  statements: DraftStatements,
  project: string,
  commit: EnvironmentCommit,
  change: Change,
): void {
  const taken = statements.takeRevision.get({ project, environment: commit.environment });
  assert(
    taken?.revision === commit.revision,
    `${project}/${commit.environment} is not at revision ${commit.revision - 1} in the database`,
  );
  writeConfigurations(statements, taken.id, commit);
  writeSegments(statements, taken.id, commit);
  writeChange(statements, taken.id, change);
  for (const [position, object] of commit.objects.entries()) {
    writeDefinition(statements, taken.id, change.revision, object);
    writeChangedObject(statements, taken.id, change.revision, position, object);
  }
}

function writeConfigurations(
  statements: DraftStatements,
  environment: number,
  commit: EnvironmentCommit,
): void {
  for (const [key, place] of commit.flags) {
    if (place === null) {
      statements.removeConfiguration.run({ environment, key });
      continue;
    }
    const { version, configuration, kill } = place;
    const document: ConfigurationDocument = { configuration, kill };
    statements.putConfiguration.run({ environment, key, version, document: JSON.stringify(document) });
  }
}

function writeSegments(statements: DraftStatements, environment: number, commit: EnvironmentCommit): void {
  for (const [key, place] of commit.segments) {
    if (place === null) {
      statements.removeSegment.run({ environment, key });
      continue;
    }
    const document = JSON.stringify(place.segment);
    statements.putSegment.run({ environment, key, version: place.version, document });
  }
}

function writeDefinition(
  statements: DraftStatements,
  environment: number,
  revision: number,
  { kind, key, definition }: ChangedObject,
): void {
  const version = definition?.version ?? revision;
  statements.putDefinition.run({ environment, kind, key, version, document: jsonOf(definition) });
}

function writeChange(statements: DraftStatements, environment: number, change: Change): void {
  const { revision, action, reason, kill } = change;
  statements.addChange.run({ environment, revision, action, reason, kill, ...stampOf(change) });
}

function writeChangedObject(
  statements: DraftStatements,
  environment: number,
  revision: number,
  position: number,
  { kind, key, before, after, definition }: ChangedObject,
): void {
  statements.addChangedObject.run({
    environment,
    revision,
    position,
    kind,
    key,
    before: jsonOf(before),
    after: jsonOf(after),
    definition: jsonOf(definition),
  });
}

function writeKeys(database: Database, statements: DraftStatements, draft: Draft): void {
  for (const id of draft.revokedKeys ?? []) statements.revokeKey.run({ id });
  for (const key of draft.keys ?? []) {
    database.insert(apiKeys).values(key).onConflictDoUpdate({ target: apiKeys.id, set: key }).run();
  }
}

function writeAuditEntry(statements: DraftStatements, entry: Omit<AuditEntry, 'id'>): void {
  const { action, subject, project, reason } = entry;
  statements.addAuditEntry.run({
    action,
    subject,
    project,
    reason,
    details: JSON.stringify(entry.details),
    revisions: JSON.stringify(entry.revisions),
    ...stampOf(entry),
  });
}

function stampOf({ at, actor }: Pick<Change, 'at' | 'actor'>) {
  return { at: Date.parse(at), actorId: actor.id, actorName: actor.name };
}

function jsonOf(document: object | null): string | null {
  return document === null ? null : JSON.stringify(document);
}
