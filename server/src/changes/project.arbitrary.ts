import type { Edit as AskedEdit } from '@dimmer/schema/rest';
import { ConfigurationInput, FlagInput, SegmentInput } from '@dimmer/schema/rest';
import type { ProjectState } from '../environments/environment.ts';
import { newProject } from '../environments/project-edits.ts';
import type { Draft, World } from '../storage/storage.ts';
import { editOf, sequence } from './change-set.ts';
import { type CommitOutcome, type CommitRequest, planCommit } from './commit.ts';
import type { Edit } from './edit.ts';
import type { Rejection } from './result.ts';

/** When tests happen, unless they say otherwise. */
export const NOW = Date.parse('2026-11-21T12:00:00.000Z');

/** What a commit decided: the outcome and the draft, or the rejection. */
export type Decision =
  | { readonly ok: true; readonly outcome: CommitOutcome; readonly draft: Draft | null }
  | { readonly ok: false; readonly rejection: Rejection };

/** A project with its first three environments and nothing in them. */
export function emptyProject(): ProjectState {
  const made = newProject({ key: 'shop', description: '' }, new Map(), {
    now: isoOf(NOW - 1000),
    newEpoch: () => 'k3v9',
  });
  if (!made.ok) throw new Error(made.rejection.detail);
  return made.value;
}

/** The project after some edits, each a commit of its own that has to be accepted. */
export function projectWith(...edits: readonly Edit[]): ProjectState {
  return edits.reduce((state, edit) => accept(state, edit).after, emptyProject());
}

/** Commits an edit that has to be accepted. */
export function accept(state: ProjectState, edit: Edit, options: Partial<CommitRequest> = {}): CommitOutcome {
  const decision = decide(state, edit, options);
  if (!decision.ok) throw new Error(`${decision.rejection.code}: ${decision.rejection.detail}`);
  return decision.outcome;
}

/** Commits an edit that has to be refused. */
export function refuse(state: ProjectState, edit: Edit, options: Partial<CommitRequest> = {}): Rejection {
  const decision = decide(state, edit, options);
  if (decision.ok) throw new Error('the edit was accepted');
  return decision.rejection;
}

/** Decides an edit as `commit` does, without a storage. Seeds count up from 1. */
export function decide(
  state: ProjectState,
  edit: Edit,
  options: Partial<CommitRequest> = {},
  now = NOW,
): Decision {
  let outcome: CommitOutcome | undefined;
  let seeds = 0;
  const world: World = { now, projects: new Map(), project: state, keys: new Map() };
  const plan = planCommit(world, {
    project: 'shop',
    actor: { id: 'k1', name: 'ci' },
    action: 'test',
    subject: 'flag/a',
    reason: null,
    edit,
    newSeed: () => {
      seeds += 1;
      return seeds;
    },
    reply: (decided) => {
      outcome = decided;
      return { status: 200, etag: null, body: null };
    },
    ...options,
  });
  if (!plan.ok) return plan;
  if (outcome === undefined) throw new Error('the reply was not asked for');
  return { ok: true, outcome, draft: plan.value.draft };
}

/** A change set as one edit. */
export function changeSet(environment: string, edits: readonly AskedEdit[]): Edit {
  return sequence(edits.map((asked) => editOf(asked, environment)));
}

/** A flag as the REST API would take it. */
export function flagInput(input: { key: string; [field: string]: unknown }): FlagInput {
  return FlagInput.parse(input);
}

/** A configuration as the REST API would take it; enabled, and `on` for everybody, unless given. */
export function configurationInput(fields: { [field: string]: unknown } = {}): ConfigurationInput {
  return ConfigurationInput.parse({
    enabled: true,
    offVariation: 'off',
    fallthrough: { variation: 'on' },
    ...fields,
  });
}

/** A segment as the REST API would take it. */
export function segmentInput(input: { key: string; [field: string]: unknown }): SegmentInput {
  return SegmentInput.parse(input);
}

/** A split between `on` and `off`, in percent. */
export function split(on: number, more: { [field: string]: unknown } = {}) {
  return { rollout: { weights: { on, off: 100 - on }, ...more } };
}

export function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
