import type { WireObject } from '@dimmer/schema';
import type { Change, ChangedObject, ObjectAt } from '../storage.ts';
import type { DamageListener } from './damage.ts';
import { damageOf } from './damage.ts';
import type { Read } from './documents.ts';
import { readDefinition, readFlagDocument, readSegment } from './documents.ts';
import type { ChangedObjectRow, ChangeRow, EnvironmentName } from './rows.ts';

type Report = (problem: string) => void;

/** A change from its rows. A damaged document is reported and reads as absent; the change itself stays. */
export function changeOf(
  row: ChangeRow,
  objects: readonly ChangedObjectRow[],
  environment: EnvironmentName,
  onDamage: DamageListener,
): Change {
  return {
    revision: row.revision,
    at: new Date(row.at).toISOString(),
    actor: { id: row.actorId, name: row.actorName },
    action: row.action,
    reason: row.reason,
    kill: row.kill,
    objects: objects.map((object) => changedObjectOf(object, reporterOf(object, environment, onDamage))),
  };
}

/**
 * What an object was before the change of a row. A damaged document gives nothing, not "absent": a revert
 * must leave alone what it cannot read.
 */
export function objectAt(
  row: Pick<ChangedObjectRow, 'kind' | 'key' | 'before' | 'revision'>,
  environment: EnvironmentName,
  onDamage: DamageListener,
): readonly ObjectAt[] {
  const { kind, key, before } = row;
  if (before === null) return [{ kind, key, document: null }];
  const report = reporterOf(row, environment, onDamage);
  if (kind === 'flag') {
    const document = documentOf(readFlagDocument, before, report);
    return document === null ? [] : [{ kind, key, document }];
  }
  const document = documentOf(readSegment, before, report);
  return document === null ? [] : [{ kind, key, document }];
}

function changedObjectOf(row: ChangedObjectRow, report: Report): ChangedObject {
  const { kind, key, before, after } = row;
  const definition = definitionOf(row, report);
  return kind === 'flag'
    ? {
        kind,
        key,
        before: documentOf(readFlagDocument, before, report),
        after: documentOf(readFlagDocument, after, report),
        definition,
      }
    : {
        kind,
        key,
        before: documentOf(readSegment, before, report),
        after: documentOf(readSegment, after, report),
        definition,
      };
}

function definitionOf(
  { kind, key, revision, definition }: ChangedObjectRow,
  report: Report,
): WireObject | null {
  if (definition === null) return null;
  const object = readDefinition(definition, { kind, key, version: revision });
  if ('damage' in object) report(`its definition: ${object.damage}`);
  return object;
}

function documentOf<T>(read: (text: string) => Read<T>, text: string | null, report: Report): T | null {
  if (text === null) return null;
  const document = read(text);
  if (document.ok) return document.value;
  report(document.problem);
  return null;
}

function reporterOf(
  { kind, key, revision }: Pick<ChangedObjectRow, 'kind' | 'key' | 'revision'>,
  environment: EnvironmentName,
  onDamage: DamageListener,
): Report {
  const name = `${environment.project}/${environment.key}/${key} (${kind}) at revision ${revision}`;
  return (problem) => onDamage(damageOf('change', name, problem));
}
