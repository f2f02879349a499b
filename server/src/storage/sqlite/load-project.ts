import { eq, sql } from 'drizzle-orm';
import type { EnvironmentState, ProjectState } from '../../environments/environment.ts';
import type { EnvironmentFlag, Flag } from '../../flags/flag.ts';
import type { EnvironmentSegment } from '../../segments/segment.ts';
import type { DamageListener } from './damage.ts';
import { damageOf } from './damage.ts';
import type { Database } from './database.ts';
import { readConfiguration, readFlag, readSegment } from './documents.ts';
import { lastGoodInEnvironment, lastGoodInProject, lastGoodSegment } from './last-good.ts';
import { configurations, environments, flags, projects, segments } from './tables.ts';

type EnvironmentRow = typeof environments.$inferSelect;

const inOrderOfCreation = sql`rowid`;

/**
 * Reads a whole project from its rows. A damaged row is reported; the change log stands in for it, and where
 * that does not reach back, the object is left out.
 */
export function loadProject(
  database: Database,
  key: string,
  onDamage: DamageListener,
): ProjectState | undefined {
  const project = database.select().from(projects).where(eq(projects.key, key)).get();
  if (project === undefined) return undefined;
  const environmentRows = database
    .select()
    .from(environments)
    .where(eq(environments.project, key))
    .orderBy(environments.id)
    .all();
  return {
    project,
    flags: loadFlags(database, key, onDamage),
    environments: new Map(
      environmentRows.map((row) => [row.key, loadEnvironment(database, row, onDamage)] as const),
    ),
  };
}

function loadFlags(database: Database, project: string, onDamage: DamageListener): Map<string, Flag> {
  const loaded = new Map<string, Flag>();
  const rows = database
    .select()
    .from(flags)
    .where(eq(flags.project, project))
    .orderBy(inOrderOfCreation)
    .all();
  for (const { key, document } of rows) {
    const read = readFlag(document);
    if (!read.ok) onDamage(damageOf('flag', `${project}/${key}`, read.problem));
    const value = read.ok ? read.value : lastGoodInProject(database, project, key)?.flag;
    if (value !== undefined) loaded.set(key, value);
  }
  return loaded;
}

function loadEnvironment(
  database: Database,
  row: EnvironmentRow,
  onDamage: DamageListener,
): EnvironmentState {
  const { key, name, epoch, createdAt, secureMode, revision, historyFloor } = row;
  return {
    environment: { key, name, epoch, createdAt, secureMode },
    revision,
    historyFloor,
    flags: loadConfigurations(database, row, onDamage),
    segments: loadSegments(database, row, onDamage),
  };
}

function loadConfigurations(
  database: Database,
  environment: EnvironmentRow,
  onDamage: DamageListener,
): Map<string, EnvironmentFlag> {
  const loaded = new Map<string, EnvironmentFlag>();
  const rows = database
    .select()
    .from(configurations)
    .where(eq(configurations.environment, environment.id))
    .orderBy(inOrderOfCreation)
    .all();
  for (const { flag, version, document } of rows) {
    const read = readConfiguration(document);
    if (!read.ok) onDamage(damageOf('configuration', nameOf(environment, flag), read.problem));
    const value = read.ok ? read.value : lastGoodInEnvironment(database, environment.id, flag);
    if (value !== undefined) {
      loaded.set(flag, { configuration: value.configuration, kill: value.kill, version });
    }
  }
  return loaded;
}

function loadSegments(
  database: Database,
  environment: EnvironmentRow,
  onDamage: DamageListener,
): Map<string, EnvironmentSegment> {
  const loaded = new Map<string, EnvironmentSegment>();
  const rows = database
    .select()
    .from(segments)
    .where(eq(segments.environment, environment.id))
    .orderBy(inOrderOfCreation)
    .all();
  for (const { key, version, document } of rows) {
    const read = readSegment(document);
    if (!read.ok) onDamage(damageOf('segment', nameOf(environment, key), read.problem));
    const segment = read.ok ? read.value : lastGoodSegment(database, environment.id, key);
    if (segment !== undefined) loaded.set(key, { segment, version });
  }
  return loaded;
}

function nameOf(environment: EnvironmentRow, key: string): string {
  return `${environment.project}/${environment.key}/${key}`;
}
