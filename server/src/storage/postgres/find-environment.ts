import { and, eq } from 'drizzle-orm';
import type { EnvironmentRef } from '../../environments/environment.ts';
import type { EnvironmentRow } from '../rows/rows.ts';
import type { Database } from './connections.ts';
import { environments } from './tables.ts';

/** @returns `undefined` where there is no such environment. */
export async function findEnvironment(
  database: Database,
  ref: EnvironmentRef,
): Promise<EnvironmentRow | undefined> {
  const [row] = await database
    .select()
    .from(environments)
    .where(and(eq(environments.project, ref.project), eq(environments.key, ref.environment)));
  return row;
}
