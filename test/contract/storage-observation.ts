import type { EnvironmentRef } from '../../server/src/environments/environment.ts';
import type { Storage, StoredSnapshot } from '../../server/src/storage/storage.ts';

const EVERYTHING = 10_000;

/** All that a storage answers, for comparing two of them, or one before and after. */
export async function observe(storage: Storage) {
  const projects = await storage.projects();
  const environments = byName(await storage.environments(), (ref) => `${ref.project}/${ref.environment}`);
  return {
    projects,
    environments,
    keys: await storage.keys(),
    audit: await storage.audit({ limit: EVERYTHING }),
    states: await Promise.all(projects.map((project) => storage.read(project.key))),
    logs: await Promise.all(environments.map((ref) => observeEnvironment(storage, ref))),
  };
}

/** A snapshot with its objects in one order: a storage may give them in any. */
export function sortedSnapshot(snapshot: StoredSnapshot | undefined) {
  return (
    snapshot && {
      ...snapshot,
      objects: byName(snapshot.objects, nameOf),
      tombstones: byName(snapshot.tombstones, nameOf),
    }
  );
}

async function observeEnvironment(storage: Storage, ref: EnvironmentRef) {
  const snapshot = await storage.snapshot(ref);
  const revision = snapshot?.revision ?? 0;
  const revisions = Array.from({ length: revision + 3 }, (_, index) => index - 1);
  const history = await storage.history(ref, { limit: EVERYTHING });
  const times = history.flatMap((change) => [Date.parse(change.at) - 1, Date.parse(change.at)]);
  return {
    ref,
    snapshot: sortedSnapshot(snapshot),
    history,
    after: await Promise.all(revisions.map((after) => storage.changesAfter(ref, after, 3))),
    differences: await Promise.all(revisions.map((at) => storage.differencesAt(ref, at))),
    revisionsAt: await Promise.all(
      [0, ...times, Number.MAX_SAFE_INTEGER].map((at) => storage.revisionAt(ref, at)),
    ),
  };
}

function nameOf({ kind, key }: { readonly kind: string; readonly key: string }): string {
  return `${kind}/${key}`;
}

function byName<T>(items: readonly T[], name: (item: T) => string): readonly T[] {
  return [...items].sort((left, right) => (name(left) < name(right) ? -1 : 1));
}
