import { and, eq } from 'drizzle-orm';
import type { EnvironmentRef } from '../../environments/environment.ts';
import type { EnvironmentRow } from '../rows/rows.ts';
import type { Database } from './database.ts';
import { environments } from './tables.ts';

/** @returns `undefined` where there is no such environment. */
export function findEnvironment(database: Database, ref: EnvironmentRef): EnvironmentRow | undefined {
  return database
    .select()
    .from(environments)
    .where(and(eq(environments.project, ref.project), eq(environments.key, ref.environment)))
    .get();
}
