import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { postgresMissing } from '../contract/postgres-database.ts';
import { RECORDED } from './builds.ts';
import { NextTables } from './next-tables.ts';

/** PostgreSQL inside the process is for machines without one; the model run uses it everywhere. */
const STANDS_IN = postgresMissing === undefined ? ['storage-pglite.test.ts'] : [];

describe.each(RECORDED.map((build) => ({ name: build.name, build })))(
  '[U1] the tests that $name has of its storage, on the tables of this build and one step further',
  async ({ build }) => {
    let tables: NextTables;
    beforeAll(async () => {
      tables = await NextTables.make({ postgres: build.knowsPostgres });
    });
    afterAll(() => tables.remove());

    await build.describeSuite(
      {
        sqlite: (path) => tables.sqlite(path),
        postgres: (url) => tables.postgres(url),
        pglite: () => tables.pglite(),
        opened: (adapter, place) => tables.opened(adapter, place),
      },
      STANDS_IN,
    );

    test('ran on them, and left them as they were', () => {
      expect(tables.counts.sqlite).toBeGreaterThan(0);
      expect(tables.counts.pglite > 0).toBe(build.knowsPostgres);
      expect(tables.counts.postgres > 0).toBe(build.knowsPostgres && postgresMissing === undefined);
    });
  },
);
