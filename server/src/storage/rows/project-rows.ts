import type { EnvironmentState, Project, ProjectState } from '../../environments/environment.ts';
import type { EnvironmentFlag, Flag } from '../../flags/flag.ts';
import type { EnvironmentSegment } from '../../segments/segment.ts';
import type { AskingLog } from './ask-log.ts';
import { lastGoodFlag, lastGoodSegment } from './ask-log.ts';
import type { DamageListener } from './damage.ts';
import { damageOf } from './damage.ts';
import { readConfiguration, readFlag, readSegment } from './documents.ts';
import type { ConfigurationRow, EnvironmentRow, FlagRow, SegmentRow } from './rows.ts';

/** The rows of an environment, in order of creation. */
export interface EnvironmentRows {
  readonly row: EnvironmentRow;
  readonly configurations: readonly ConfigurationRow[];
  readonly segments: readonly SegmentRow[];
}

/** The rows of a project, in order of creation. */
export interface ProjectRows {
  readonly project: Project;
  readonly flags: readonly FlagRow[];
  readonly environments: readonly EnvironmentRows[];
}

/**
 * A whole project from its rows. A damaged row is reported; the change log stands in for it, and where that does not
 * reach back, the object is left out.
 */
export function* projectOf(rows: ProjectRows, onDamage: DamageListener): AskingLog<ProjectState> {
  const flags = yield* flagsOf(rows.project.key, rows.flags, onDamage);
  const environments = new Map<string, EnvironmentState>();
  for (const environment of rows.environments) {
    environments.set(environment.row.key, yield* environmentOf(environment, onDamage));
  }
  return { project: rows.project, flags, environments };
}

function* flagsOf(
  project: string,
  rows: readonly FlagRow[],
  onDamage: DamageListener,
): AskingLog<Map<string, Flag>> {
  const flags = new Map<string, Flag>();
  for (const { key, document } of rows) {
    const read = readFlag(document);
    if (!read.ok) onDamage(damageOf('flag', `${project}/${key}`, read.problem));
    const flag = read.ok ? read.value : (yield* lastGoodFlag({ key, project, environment: null }))?.flag;
    if (flag !== undefined) flags.set(key, flag);
  }
  return flags;
}

function* environmentOf(
  { row, configurations, segments }: EnvironmentRows,
  onDamage: DamageListener,
): AskingLog<EnvironmentState> {
  const { key, name, epoch, createdAt, secureMode, revision, historyFloor } = row;
  return {
    environment: { key, name, epoch, createdAt, secureMode },
    revision,
    historyFloor,
    flags: yield* placesOf(row, configurations, onDamage),
    segments: yield* segmentsOf(row, segments, onDamage),
  };
}

function* placesOf(
  environment: EnvironmentRow,
  rows: readonly ConfigurationRow[],
  onDamage: DamageListener,
): AskingLog<Map<string, EnvironmentFlag>> {
  const places = new Map<string, EnvironmentFlag>();
  for (const { flag, version, document } of rows) {
    const read = readConfiguration(document);
    if (!read.ok) onDamage(damageOf('configuration', nameOf(environment, flag), read.problem));
    const place = read.ok ? read.value : yield* lastGoodFlag(placeOf(environment, flag));
    if (place !== undefined)
      places.set(flag, { configuration: place.configuration, kill: place.kill, version });
  }
  return places;
}

function* segmentsOf(
  environment: EnvironmentRow,
  rows: readonly SegmentRow[],
  onDamage: DamageListener,
): AskingLog<Map<string, EnvironmentSegment>> {
  const segments = new Map<string, EnvironmentSegment>();
  for (const { key, version, document } of rows) {
    const read = readSegment(document);
    if (!read.ok) onDamage(damageOf('segment', nameOf(environment, key), read.problem));
    const segment = read.ok ? read.value : yield* lastGoodSegment(placeOf(environment, key));
    if (segment !== undefined) segments.set(key, { segment, version });
  }
  return segments;
}

function placeOf({ project, id }: EnvironmentRow, key: string) {
  return { key, project, environment: id };
}

function nameOf(environment: EnvironmentRow, key: string): string {
  return `${environment.project}/${environment.key}/${key}`;
}
