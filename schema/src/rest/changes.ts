import { z } from 'zod';
import { LIMITS } from '../limits.ts';
import { BreakGlass } from './break-glass.ts';
import { ConfigurationInput, ConfigurationPatch, ConfigurationView } from './configurations.ts';
import { FlagInput, FlagPatch, FlagView } from './flags.ts';
import { listOf } from './list-of.ts';
import { SegmentInput, SegmentPatch, SegmentView } from './segments.ts';
import {
  ChangeReason,
  Json,
  Key,
  Name,
  PageQuery,
  Point,
  pageOf,
  QueryFlag,
  Revision,
  Timestamp,
  WarningView,
} from './terms.ts';

/** Kill one flag. */
export const KillInput = z
  .strictObject({ reason: ChangeReason, expiresAt: Timestamp.optional(), breakGlass: BreakGlass })
  .meta({ id: 'KillInput' });

export const RestoreInput = z
  .strictObject({ reason: ChangeReason.optional(), breakGlass: BreakGlass })
  .meta({ id: 'RestoreInput' });

/** Kill many flags in one revision: those named, those with the tag, or both. */
export const KillManyInput = z
  .strictObject({
    flags: z.array(Key).min(1).max(LIMITS.flagsPerEnvironment).optional(),
    tag: Key.optional(),
    reason: ChangeReason,
    expiresAt: Timestamp.optional(),
    breakGlass: BreakGlass,
  })
  .refine((input) => input.flags !== undefined || input.tag !== undefined, {
    error: 'must name flags or a tag',
    params: { rule: 'kill-scope', remedy: 'Give `flags`, `tag` or both.' },
  })
  .meta({ id: 'KillManyInput' });

/** One edit of a change set; the same bodies as the single routes take. */
export const Edit = z
  .discriminatedUnion('edit', [
    z.strictObject({ edit: z.literal('createFlag'), flag: FlagInput }),
    z.strictObject({ edit: z.literal('patchFlag'), key: Key, patch: FlagPatch }),
    z.strictObject({ edit: z.literal('archiveFlag'), key: Key }),
    z.strictObject({ edit: z.literal('putConfiguration'), flag: Key, configuration: ConfigurationInput }),
    z.strictObject({ edit: z.literal('patchConfiguration'), flag: Key, patch: ConfigurationPatch }),
    z.strictObject({ edit: z.literal('createSegment'), segment: SegmentInput }),
    z.strictObject({ edit: z.literal('patchSegment'), key: Key, patch: SegmentPatch }),
    z.strictObject({ edit: z.literal('deleteSegment'), key: Key }),
    z.strictObject({
      edit: z.literal('kill'),
      flag: Key,
      reason: ChangeReason,
      expiresAt: Timestamp.optional(),
    }),
    z.strictObject({ edit: z.literal('restore'), flag: Key }),
  ])
  .meta({ id: 'Edit' });

/** Several edits, one revision, all or nothing. */
export const ChangeSetInput = z
  .strictObject({
    edits: z.array(Edit).min(1).max(LIMITS.editsPerChangeSet),
    reason: ChangeReason.optional(),
  })
  .meta({ id: 'ChangeSetInput' });

/** A kill as it shall be; who and when may be left out: then it is the caller, now. */
const DeclaredKill = z
  .strictObject({
    reason: ChangeReason,
    by: Name.optional(),
    at: Timestamp.optional(),
    expiresAt: Timestamp.optional(),
  })
  .meta({ id: 'DeclaredKill' });

const DeclaredConfiguration = ConfigurationInput.extend({
  kill: DeclaredKill.nullish().meta({ description: 'Counts as `kills` says.' }),
}).meta({ id: 'DeclaredConfiguration' });

/** One flag of a declared state: the flag itself and its configuration here. */
export const DeclaredFlag = FlagInput.omit({ reuseArchivedKey: true, reason: true })
  .extend({
    archived: z.boolean().optional().meta({
      description: 'Whether the flag is archived, in the whole project. Left out: it must not be.',
    }),
    configuration: DeclaredConfiguration.nullable().meta({
      description: 'null: the flag belongs to the project and has no place in this environment.',
    }),
  })
  .meta({ id: 'DeclaredFlag' });

/** The whole environment as it shall be. Flags and segments that are left out leave the environment. */
export const DeclaredState = z
  .strictObject({
    flags: listOf(DeclaredFlag).default([]),
    segments: listOf(SegmentInput).default([]),
    kills: z
      .enum(['keep', 'add', 'replace'])
      .default('keep')
      .meta({
        description:
          '`keep`: kills stay as they are, whatever is declared. `add`: those declared are made, none is lifted. ' +
          '`replace`: exactly those declared.',
      }),
    newFlagsElsewhere: z.enum(['off', 'absent']).default('off').meta({
      description: 'What flags that are new to the project are in its other environments.',
    }),
    revision: z.unknown().optional(),
    reason: ChangeReason.optional(),
  })
  .meta({ id: 'DeclaredState' });

const StateFlag = FlagView.omit({
  archivedAt: true,
  createdAt: true,
  updatedAt: true,
  version: true,
  environments: true,
})
  .extend({
    archived: z.boolean(),
    configuration: ConfigurationView.omit({
      flag: true,
      environment: true,
      version: true,
      revision: true,
    }).nullable(),
  })
  .meta({ id: 'StateFlag' });

const StateSegment = SegmentView.omit({ environment: true, version: true, revision: true }).meta({
  id: 'StateSegment',
});

/** The whole environment as it is; every flag of the project, archived ones too. It can be declared as it is. */
export const StateView = z
  .object({ revision: Revision, flags: z.array(StateFlag), segments: z.array(StateSegment) })
  .meta({ id: 'State' });

/** One object that a change touched. */
export const ChangedObject = z
  .object({
    kind: z.enum(['flag', 'segment']),
    key: Key,
    before: Json.nullable().meta({ description: 'null: it did not exist in this environment.' }),
    after: Json.nullable().meta({ description: 'null: it no longer exists in this environment.' }),
  })
  .meta({ id: 'ChangedObject' });

/** One revision of the history. */
export const ChangeView = z
  .object({
    revision: Revision,
    at: Timestamp,
    actor: z.string().meta({ description: 'Name of the key that made it, or `system`.' }),
    action: z.string().meta({ description: 'What was asked: `configuration.patch`, `flag.kill`, `revert`.' }),
    reason: z.string().nullable(),
    kill: z.boolean(),
    objects: z.array(ChangedObject),
  })
  .meta({ id: 'Change' });

export const ChangePage = pageOf(ChangeView, 'ChangePage');

export const HistoryQuery = PageQuery.extend({
  after: z.coerce.number().int().min(0).optional(),
  flag: Key.optional(),
});

/** Query parameters are text: digits are a revision, anything else a time. */
const PointQuery = z
  .string()
  .transform((text) => (/^\d+$/.test(text) ? Number(text) : text))
  .pipe(Point);

export const DiffQuery = z.object({ from: PointQuery, to: PointQuery.optional() });

export const DiffView = z
  .object({ from: Revision, to: Revision, objects: z.array(ChangedObject) })
  .meta({ id: 'Diff' });

export const RevertInput = z
  .strictObject({
    to: Point,
    flags: z.array(Key).min(1).max(LIMITS.flagsPerEnvironment).optional().meta({
      description: 'Only these flags; segments are left alone then.',
    }),
    includeKills: z.boolean().default(false),
    dryRun: z.boolean().default(false),
    reason: ChangeReason.optional(),
  })
  .meta({ id: 'RevertInput' });

/** The answer to every write of an environment; with `dryRun`, the write that would be. */
export const CommitView = z
  .object({
    revision: Revision,
    revisions: z.record(Key, Revision),
    changed: z.boolean().meta({ description: 'false: it was already so, and no revision was made.' }),
    dryRun: z.boolean(),
    objects: z.array(ChangedObject),
    warnings: z.array(WarningView),
  })
  .meta({ id: 'Commit' });

export const DryRunQuery = z.object({ dryRun: QueryFlag.optional() });

export type Edit = z.infer<typeof Edit>;
export type KillInput = z.infer<typeof KillInput>;
export type KillManyInput = z.infer<typeof KillManyInput>;
export type ChangeSetInput = z.infer<typeof ChangeSetInput>;
export type DeclaredState = z.infer<typeof DeclaredState>;
export type StateView = z.infer<typeof StateView>;
export type ChangeView = z.infer<typeof ChangeView>;
export type RevertInput = z.infer<typeof RevertInput>;
export type CommitView = z.infer<typeof CommitView>;
