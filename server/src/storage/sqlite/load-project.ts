import { eq, sql } from 'drizzle-orm';
import type { ProjectState } from '../../environments/environment.ts';
import { answering } from '../rows/ask-log.ts';
import type { DamageListener } from '../rows/damage.ts';
import type { EnvironmentRows } from '../rows/project-rows.ts';
import { projectOf } from '../rows/project-rows.ts';
import type { EnvironmentRow } from '../rows/rows.ts';
import type { Database } from './database.ts';
import { lastGood } from './last-good.ts';
import { configurations, environments, flags, projects, segments } from './tables.ts';

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
  const rows = {
    project,
    flags: database.select().from(flags).where(eq(flags.project, key)).orderBy(inOrderOfCreation).all(),
    environments: database
      .select()
      .from(environments)
      .where(eq(environments.project, key))
      .orderBy(environments.id)
      .all()
      .map((row) => selectEnvironment(database, row)),
  };
  return answering(projectOf(rows, onDamage), (question) => lastGood(database, question));
}

function selectEnvironment(database: Database, row: EnvironmentRow): EnvironmentRows {
  return {
    row,
    configurations: database
      .select()
      .from(configurations)
      .where(eq(configurations.environment, row.id))
      .orderBy(inOrderOfCreation)
      .all(),
    segments: database
      .select()
      .from(segments)
      .where(eq(segments.environment, row.id))
      .orderBy(inOrderOfCreation)
      .all(),
  };
}
