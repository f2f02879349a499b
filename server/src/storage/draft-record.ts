import type { Actor } from '../access/api-key.ts';
import type { ProjectState } from '../environments/environment.ts';
import { applyDraft } from './apply-draft.ts';
import type { Catalog } from './catalog.ts';
import { applyToCatalog } from './catalog.ts';
import { checkDraft } from './check-draft.ts';
import type { AuditEntry, Change, Draft, EnvironmentCommit } from './storage.ts';

/** What a draft meets: the state that it was decided on. */
export interface Ground {
  readonly catalog: Catalog;
  /** The project that the draft writes to; `undefined` where it creates it or touches none. */
  readonly state: ProjectState | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  readonly actor: Actor;
}

/** Everything that follows from a draft: the next state, and what the log and the audit keep of it. */
export interface DraftRecord {
  /** Key of the project that it writes to. */
  readonly project: string | null;
  readonly state: ProjectState | undefined;
  readonly catalog: Catalog;
  /** One per commit, in their order. */
  readonly changes: readonly { readonly commit: EnvironmentCommit; readonly change: Change }[];
  readonly audit: Omit<AuditEntry, 'id'>;
}

/**
 * Works out a draft in full, before the first write.
 *
 * @throws AssertionError when the draft does not fit the state: a defect of the planner, never of the caller.
 */
export function recordOf(draft: Draft, ground: Ground): DraftRecord {
  checkDraft(draft, ground.state, ground.catalog);
  const state = applyDraft(ground.state, draft);
  const commits = draft.commits ?? [];
  return {
    project: state?.project.key ?? null,
    state,
    catalog: applyToCatalog(ground.catalog, draft),
    changes: commits.map((commit) => ({ commit, change: changeOf(commit, draft, ground) })),
    audit: auditEntryOf(draft, ground, state?.project.key ?? null),
  };
}

function changeOf(commit: EnvironmentCommit, draft: Draft, ground: Ground): Change {
  return {
    revision: commit.revision,
    at: new Date(ground.now).toISOString(),
    actor: { id: ground.actor.id, name: ground.actor.name },
    action: draft.action,
    reason: draft.reason,
    kill: commit.kill,
    objects: commit.objects,
  };
}

function auditEntryOf(draft: Draft, ground: Ground, project: string | null): Omit<AuditEntry, 'id'> {
  const revisions = (draft.commits ?? []).map((commit) => [commit.environment, commit.revision] as const);
  return {
    at: new Date(ground.now).toISOString(),
    actor: { id: ground.actor.id, name: ground.actor.name },
    action: draft.action,
    subject: draft.subject,
    project,
    reason: draft.reason,
    details: draft.details,
    revisions: Object.fromEntries(revisions),
  };
}
