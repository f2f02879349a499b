import type { ApiKey } from '../../access/api-key.ts';
import type { Environment, Project } from '../../environments/environment.ts';
import type { DraftRecord } from '../draft-record.ts';
import type { AuditEntry, Change, ChangedObject, Draft, EnvironmentCommit } from '../storage.ts';
import type { ConfigurationDocument } from './documents.ts';
import type {
  AuditRow,
  ChangedObjectRow,
  ChangeRow,
  ConfigurationRow,
  DefinitionRow,
  FlagRow,
  SegmentRow,
} from './rows.ts';
import { stampOf } from './rows.ts';

/** Everything that a draft writes, as rows. Each adapter on SQL puts them where they belong, in this order. */
export interface DraftRows {
  readonly projects: readonly Project[];
  readonly environments: readonly (Environment & { readonly project: string })[];
  readonly flags: readonly (FlagRow & { readonly project: string })[];
  /** In the order of the draft. */
  readonly commits: readonly CommitRows[];
  readonly revokedKeys: readonly string[];
  readonly keys: readonly ApiKey[];
  readonly audit: AuditRow;
}

/** A commit's share of the rows. */
export interface CommitRows {
  readonly project: string;
  /** Key of the environment. */
  readonly environment: string;
  /** The revision that its row must be at afterwards. */
  readonly revision: number;
  readonly configurations: readonly ConfigurationRow[];
  /** Keys of flags that lose their place. */
  readonly removedConfigurations: readonly string[];
  readonly segments: readonly SegmentRow[];
  readonly removedSegments: readonly string[];
  readonly definitions: readonly DefinitionRow[];
  readonly change: ChangeRow;
  readonly changedObjects: readonly ChangedObjectRow[];
}

/** @example const { commits } = draftRowsOf(draft, recordOf(draft, ground)); */
export function draftRowsOf(draft: Draft, { project, changes, audit }: DraftRecord): DraftRows {
  const { environments = [], flags = [] } = draft;
  const ofProject = project === null ? undefined : { project };
  return {
    projects: draft.project === undefined ? [] : [draft.project],
    environments: ofProject ? environments.map((environment) => ({ ...ofProject, ...environment })) : [],
    flags: ofProject
      ? flags.map((flag) => ({ ...ofProject, key: flag.key, document: JSON.stringify(flag) }))
      : [],
    commits: ofProject
      ? changes.map(({ commit, change }) => commitRowsOf(ofProject.project, commit, change))
      : [],
    revokedKeys: draft.revokedKeys ?? [],
    keys: draft.keys ?? [],
    audit: auditRowOf(audit),
  };
}

function commitRowsOf(project: string, commit: EnvironmentCommit, change: Change): CommitRows {
  const { revision, action, reason, kill } = change;
  return {
    project,
    environment: commit.environment,
    revision: commit.revision,
    configurations: configurationRowsOf(commit),
    removedConfigurations: removedKeys(commit.flags),
    segments: segmentRowsOf(commit),
    removedSegments: removedKeys(commit.segments),
    definitions: commit.objects.map((object) => definitionRowOf(object, revision)),
    change: { revision, action, reason, kill, ...stampOf(change) },
    changedObjects: commit.objects.map((object, position) => changedObjectRowOf(object, revision, position)),
  };
}

function configurationRowsOf({ flags }: EnvironmentCommit): ConfigurationRow[] {
  return [...flags].flatMap(([flag, place]) => {
    if (place === null) return [];
    const { version, configuration, kill } = place;
    const document: ConfigurationDocument = { configuration, kill };
    return [{ flag, version, document: JSON.stringify(document) }];
  });
}

function segmentRowsOf({ segments }: EnvironmentCommit): SegmentRow[] {
  return [...segments].flatMap(([key, place]) =>
    place === null ? [] : [{ key, version: place.version, document: JSON.stringify(place.segment) }],
  );
}

function removedKeys(entries: ReadonlyMap<string, object | null>): string[] {
  return [...entries].flatMap(([key, entry]) => (entry === null ? [key] : []));
}

function definitionRowOf({ kind, key, definition }: ChangedObject, revision: number): DefinitionRow {
  return { kind, key, version: definition?.version ?? revision, document: jsonOf(definition) };
}

function changedObjectRowOf(
  { kind, key, before, after, definition }: ChangedObject,
  revision: number,
  position: number,
): ChangedObjectRow {
  return {
    revision,
    position,
    kind,
    key,
    before: jsonOf(before),
    after: jsonOf(after),
    definition: jsonOf(definition),
  };
}

function auditRowOf(entry: Omit<AuditEntry, 'id'>): AuditRow {
  const { action, subject, project, reason } = entry;
  return {
    action,
    subject,
    project,
    reason,
    details: JSON.stringify(entry.details),
    revisions: JSON.stringify(entry.revisions),
    ...stampOf(entry),
  };
}

function jsonOf(document: object | null): string | null {
  return document === null ? null : JSON.stringify(document);
}
