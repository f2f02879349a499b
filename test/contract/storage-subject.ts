import type { JsonValue } from '@dimmer/schema';
import { accepted } from '../../server/src/changes/result.ts';
import type { ProjectState } from '../../server/src/environments/environment.ts';
import type { Draft, Reply, Storage, TransactRequest, World } from '../../server/src/storage/storage.ts';

/** A storage under test, with the world around it in the test's hands. */
export interface StorageSubject {
  readonly storage: Storage;
  readonly clock: ManualClock;
  /** What the storage reported in the background. */
  readonly backgroundErrors: readonly unknown[];
  /** Closes the storage and opens the same data again; absent where data ends with the storage. */
  readonly reopen?: () => Promise<Storage>;
  /** Makes the nth write statement from now on throw, once; absent where a transaction has no statements. */
  readonly failAtStatement?: (n: number) => FailingStatement;
  dispose(): Promise<void>;
}

export interface FailingStatement {
  /** Whether the statement was reached. */
  readonly reached: () => boolean;
  disarm(): void;
}

/** A clock that only the test moves. */
export class ManualClock {
  #now = Date.parse('2026-03-01T12:00:00.000Z');

  now(): number {
    return this.#now;
  }

  advance(ms: number): void {
    this.#now += ms;
  }
}

export const ACTOR = { id: 'k1', name: 'Ada' };

export const REPLY: Reply = { status: 200, etag: '"1"', body: { done: true } };

export function replyWith(body: JsonValue): Reply {
  return { status: 200, etag: null, body };
}

/** A request whose planner answers with a draft made from the world that it sees. */
export function requestOf(
  project: string | null,
  draft: (world: World) => Draft | null,
  parts: Partial<TransactRequest> = {},
): TransactRequest {
  return {
    project,
    actor: ACTOR,
    plan: (world) => accepted({ draft: draft(world), reply: REPLY }),
    ...parts,
  };
}

/** Writes a draft and insists that it was written. */
export async function write(
  storage: Storage,
  project: string | null,
  draft: (world: World) => Draft | null,
): Promise<void> {
  const result = await storage.transact(requestOf(project, draft));
  if (!result.ok) throw new Error(result.rejection.detail);
}

/** The scope's project, which the test knows to be there. */
export function projectOf(world: World): ProjectState {
  if (world.project === undefined) throw new Error('the planner sees no project');
  return world.project;
}
