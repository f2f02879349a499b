import assert from 'node:assert/strict';
import type { ProjectState } from '../environments/environment.ts';
import type { Catalog } from './catalog.ts';
import type { Draft, EnvironmentCommit } from './storage.ts';

/**
 * Asserts that a draft fits the state that it will be applied to. Planners are ours, so a draft that does not
 * fit is a defect: nothing may be written.
 *
 * @throws AssertionError that names what does not fit.
 */
export function checkDraft(draft: Draft, state: ProjectState | undefined, catalog: Catalog): void {
  checkScope(draft, state);
  checkKeys(draft, catalog);
  const created = new Set(draft.environments?.map((environment) => environment.key));
  const committed = new Set<string>();
  for (const commit of draft.commits ?? []) {
    assert(!committed.has(commit.environment), `${commit.environment} is committed twice in one draft`);
    committed.add(commit.environment);
    const before = state?.environments.get(commit.environment);
    assert(
      before !== undefined || created.has(commit.environment),
      `${commit.environment} is committed to and does not exist`,
    );
    checkCommit(commit, before?.revision ?? 0);
  }
}

function checkScope(draft: Draft, state: ProjectState | undefined): void {
  const needsProject =
    (draft.environments ?? []).length + (draft.flags ?? []).length + (draft.commits ?? []).length > 0;
  assert(
    !needsProject || state !== undefined || draft.project !== undefined,
    'a draft writes to a project that does not exist',
  );
  assert(
    state === undefined || draft.project === undefined || draft.project.key === state.project.key,
    `a draft for project ${state?.project.key} writes project ${draft.project?.key}`,
  );
}

function checkKeys(draft: Draft, catalog: Catalog): void {
  if (draft.keys === undefined || draft.keys.length === 0) return;
  const revoked = new Set(draft.revokedKeys);
  const kept = [...catalog.keys.values()].filter((key) => !revoked.has(key.id));
  const hashes = new Map(kept.map((key) => [key.hash, key.id]));
  for (const key of draft.keys) {
    const holder = hashes.get(key.hash) ?? key.id;
    assert(holder === key.id, `the keys ${holder} and ${key.id} have the same hash`);
    hashes.set(key.hash, key.id);
  }
}

function checkCommit(commit: EnvironmentCommit, current: number): void {
  assert(
    commit.revision === current + 1,
    `${commit.environment} is at revision ${current}, its commit says ${commit.revision}`,
  );
  const seen = new Set<string>();
  for (const { kind, key, definition } of commit.objects) {
    const name = `${kind}/${key}`;
    assert(!seen.has(name), `${name} is twice in revision ${commit.revision} of ${commit.environment}`);
    seen.add(name);
    if (definition === null) continue;
    assert(
      definition.kind === kind && definition.key === key && definition.version <= commit.revision,
      `the definition of ${name} is ${definition.kind}/${definition.key}@${definition.version}`,
    );
  }
}
