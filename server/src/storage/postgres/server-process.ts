import { sql } from 'drizzle-orm';

/**
 * Names the process of PostgreSQL that answers: another after a restart, and another server after a failover, also where a
 * pooler gives its connections away in between. Every PostgreSQL tells it, hosted ones too.
 */
export const SERVER = sql<string>`extract(epoch from pg_postmaster_start_time())::text`;
