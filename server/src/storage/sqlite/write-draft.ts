import assert from 'node:assert/strict';
import type { ApiKey } from '../../access/api-key.ts';
import type { CommitRows, DraftRows } from '../rows/draft-rows.ts';
import type { Database } from './database.ts';
import type { DraftStatements } from './draft-statements.ts';
import { apiKeys } from './tables.ts';

/**
 * Writes the rows of a draft. It must run inside a transaction.
 *
 * @throws AssertionError when an environment's row is not at the revision that the draft was decided on.
 */
export function writeDraft(database: Database, statements: DraftStatements, rows: DraftRows): void {
  for (const project of rows.projects) statements.putProject.run({ ...project });
  for (const environment of rows.environments) statements.putEnvironment.run({ ...environment });
  for (const flag of rows.flags) statements.putFlag.run({ ...flag });
  for (const commit of rows.commits) writeCommit(statements, commit);
  for (const id of rows.revokedKeys) statements.revokeKey.run({ id });
  for (const key of rows.keys) writeKey(database, key);
  statements.addAuditEntry.run({ ...rows.audit });
}

function writeCommit(statements: DraftStatements, commit: CommitRows): void {
  const { project, environment: key, revision } = commit;
  const taken = statements.takeRevision.get({ project, environment: key });
  assert(
    taken?.revision === revision,
    `${project}/${key} is not at revision ${revision - 1} in the database`,
  );
  const environment = taken.id;
  for (const flag of commit.removedConfigurations) statements.removeConfiguration.run({ environment, flag });
  for (const row of commit.configurations) statements.putConfiguration.run({ environment, ...row });
  for (const removed of commit.removedSegments) statements.removeSegment.run({ environment, key: removed });
  for (const row of commit.segments) statements.putSegment.run({ environment, ...row });
  statements.addChange.run({ environment, ...commit.change });
  for (const row of commit.definitions) statements.putDefinition.run({ environment, ...row });
  for (const row of commit.changedObjects) statements.addChangedObject.run({ environment, ...row });
}

function writeKey(database: Database, key: ApiKey): void {
  database.insert(apiKeys).values(key).onConflictDoUpdate({ target: apiKeys.id, set: key }).run();
}
