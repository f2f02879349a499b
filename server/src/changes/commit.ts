import type { JsonValue } from '@dimmer/schema';
import type { Actor } from '../access/api-key.ts';
import type { ProjectState } from '../environments/environment.ts';
import type { Tracing } from '../platform/tracing.ts';
import { NO_TRACING } from '../platform/tracing.ts';
import { applyDraft } from '../storage/apply-draft.ts';
import type {
  EnvironmentCommit,
  Plan,
  Reply,
  Storage,
  TransactOutcome,
  TransactRequest,
  World,
} from '../storage/storage.ts';
import { check } from './check.ts';
import { compareStates } from './compare.ts';
import { createDefinitionSizes, type DefinitionSizes } from './definition-sizes.ts';
import { draftOf } from './draft.ts';
import type { Edit } from './edit.ts';
import { atRoot, type Locate } from './locate.ts';
import { projectNotFound } from './rejections.ts';
import { andThen, mapResult, type Result, rejected } from './result.ts';

/** Something that a commit could not carry over, or that its reader should know. */
export interface Warning {
  readonly flag: string;
  /** A stable word. */
  readonly rule: string;
  readonly message: string;
}

/** What a commit did; with `dryRun`, what it would do. */
export interface CommitOutcome {
  readonly before: ProjectState;
  /** As storage holds it afterwards, with revisions and versions. */
  readonly after: ProjectState;
  /** The revision that each changed environment has reached. */
  readonly revisions: { readonly [environment: string]: number };
  readonly commits: readonly EnvironmentCommit[];
  /** Whether anything differs, in an environment or in the project. */
  readonly changed: boolean;
  readonly dryRun: boolean;
  readonly warnings: readonly Warning[];
}

/** Told what was written once storage holds it; not of a dry run, and not when a reply is replayed. */
export type OnCommitted = (project: string, commits: readonly EnvironmentCommit[]) => void;

export interface CommitRequest {
  readonly project: string;
  readonly actor: Actor;
  /** What is asked, for the history: `configuration.patch`. */
  readonly action: string;
  /** What is acted on, for the audit log: `flag/checkout-v2`. */
  readonly subject: string;
  readonly reason: string | null;
  readonly edit: Edit;
  /** Judges the state before the edit, as `If-Match` does. */
  readonly precondition?: (state: ProjectState) => Result<unknown>;
  readonly idempotency?: NonNullable<TransactRequest['idempotency']>;
  /** Work that one server does for all: refused where another has taken it over. */
  readonly lease?: NonNullable<TransactRequest['lease']>;
  /** Decide and answer, and write nothing. */
  readonly dryRun?: boolean;
  /** Draws a random unsigned 32-bit seed. */
  readonly newSeed: () => number;
  readonly warnings?: (before: ProjectState, after: ProjectState) => readonly Warning[];
  /** Where the body holds each object; left out: the body is the object. */
  readonly locate?: Locate;
  /** Left out: every definition of a changed environment is measured anew, which takes time in a large one. */
  readonly sizes?: DefinitionSizes;
  /** Small facts for the audit log; never a secret. */
  readonly details?: JsonValue;
  readonly onCommitted?: OnCommitted;
  readonly tracing?: Tracing;
  readonly reply: (outcome: CommitOutcome) => Reply;
}

/**
 * The only way to change a project: precondition, edit, check and draft are decided inside the storage's
 * transaction, on exactly the state that is written to.
 *
 * @example
 * await commit(storage, {
 *   project: 'shop', actor, action: 'flag.kill', subject: 'flag/checkout-v2', reason: 'payments time out',
 *   edit: killFlag('production', 'checkout-v2', { reason: 'payments time out' }), newSeed, reply,
 * });
 */
export async function commit(storage: Storage, request: CommitRequest): Promise<Result<TransactOutcome>> {
  const { project, actor, idempotency, lease, action, tracing = NO_TRACING } = request;
  let planned: readonly EnvironmentCommit[] = [];
  const transact: TransactRequest = {
    project,
    actor,
    ...(idempotency !== undefined && { idempotency }),
    ...(lease !== undefined && { lease }),
    plan: (world) => {
      const plan = tracing.within('plan', {}, () => planCommit(world, request));
      planned = (plan.ok && plan.value.draft?.commits) || [];
      return plan;
    },
  };
  const outcome = await tracing.within('commit', { 'dimmer.project': project, 'dimmer.action': action }, () =>
    storage.transact(transact),
  );
  if (outcome.ok && !outcome.value.replayed) request.onCommitted?.(project, planned);
  return outcome;
}

/** Decides a commit: pure but for the seeds that it draws. */
export function planCommit(world: World, request: CommitRequest): Result<Plan> {
  const before = world.project;
  if (before === undefined) return rejected(projectNotFound(request.project));
  const { actor, newSeed, locate = atRoot, sizes = createDefinitionSizes() } = request;
  const context = { now: new Date(world.now).toISOString(), actor, newSeed };
  const precondition = request.precondition?.(before);
  if (precondition?.ok === false) return precondition;
  return andThen(request.edit(before, context), (edited) => {
    const commits = compareStates(before, edited);
    return mapResult(check(before, edited, commits, { locate, sizes }), () =>
      planOf(before, edited, commits, request),
    );
  });
}

function planOf(
  before: ProjectState,
  edited: ProjectState,
  commits: readonly EnvironmentCommit[],
  request: CommitRequest,
): Plan {
  const { action, subject, reason, details = null, dryRun = false } = request;
  const draft = draftOf(before, edited, commits, { action, subject, reason, details });
  const after = draft === null ? before : (applyDraft(before, draft) ?? before);
  const reply = request.reply({
    before,
    after,
    revisions: Object.fromEntries(commits.map(({ environment, revision }) => [environment, revision])),
    commits,
    changed: draft !== null,
    dryRun,
    warnings: request.warnings?.(before, after) ?? [],
  });
  return { draft: dryRun ? null : draft, reply };
}
