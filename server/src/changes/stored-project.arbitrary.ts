import type { ProjectState } from '../environments/environment.ts';
import { newProject } from '../environments/project-edits.ts';
import { MemoryStorage } from '../storage/memory/memory-storage.ts';
import type { ObjectAt, Storage } from '../storage/storage.ts';
import { type CommitOutcome, type CommitRequest, commit } from './commit.ts';
import type { Edit } from './edit.ts';
import { NOW } from './project.arbitrary.ts';
import { accepted, type Result } from './result.ts';

/** A project in a storage of its own, with a clock that tests move. */
export interface StoredProject {
  readonly storage: Storage;
  readonly clock: { ms: number };
  /** Commits an edit as a route does. */
  readonly commit: (edit: Edit, options?: Partial<CommitRequest>) => Promise<Result<CommitOutcome>>;
  readonly state: () => Promise<ProjectState>;
  /** What was different in production at a revision. */
  readonly differencesAt: (revision: number) => Promise<readonly ObjectAt[]>;
}

export async function storedProject(): Promise<StoredProject> {
  const clock = { ms: NOW };
  const storage = new MemoryStorage({ clock: { now: () => clock.ms } });
  const actor = { id: 'k1', name: 'ci' };
  let seeds = 0;
  const newSeed = (): number => {
    seeds += 1;
    return seeds;
  };
  await storage.transact({ project: null, actor, plan: planProject });
  return {
    storage,
    clock,
    commit: async (edit, options = {}) => {
      const decided: CommitOutcome[] = [];
      const result = await commit(storage, {
        ...{ project: 'shop', actor, action: 'test', subject: 'flag/a', reason: null, edit, newSeed },
        reply: (outcome) => {
          decided.push(outcome);
          return { status: 200, etag: null, body: null };
        },
        ...options,
      });
      const [outcome] = decided;
      if (!result.ok) return result;
      if (outcome === undefined) throw new Error('the reply was not asked for');
      return accepted(outcome);
    },
    state: async () => present(await storage.read('shop')),
    differencesAt: async (revision) =>
      present(await storage.differencesAt({ project: 'shop', environment: 'production' }, revision)),
  };
}

type PlanProject = Parameters<Storage['transact']>[0]['plan'];

const planProject: PlanProject = ({ now, projects }) => {
  const at = new Date(now).toISOString();
  const made = newProject({ key: 'shop', description: '' }, projects, { now: at, newEpoch: () => 'k3v9' });
  if (!made.ok) return made;
  const facts = { action: 'project.create', subject: 'project/shop', reason: null, details: null };
  const { project, environments } = made.value;
  const first = [...environments.values()].map(({ environment }) => environment);
  return accepted({
    draft: { ...facts, project, environments: first },
    reply: { status: 201, etag: null, body: null },
  });
};

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('it is not there');
  return value;
}
