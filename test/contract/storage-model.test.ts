import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { openPgliteSubject, PostgresSubjects } from './postgres-adapters.ts';
import { postgresMissing } from './postgres-database.ts';
import { openMemorySubject, openSqliteSubject } from './storage-adapters.ts';
import type { Command } from './storage-commands.arbitrary.ts';
import { command } from './storage-commands.arbitrary.ts';
import { observe } from './storage-observation.ts';
import type { StorageSubject } from './storage-subject.ts';

const TIMEOUT_MS = 180_000;

const postgres = new PostgresSubjects();
afterAll(() => postgres.drop());

describe('[S7] answers any list of commands as the memory model does, before and after it is opened again', () => {
  test('SQLite', () => behavesAsTheModel(openSqliteSubject, 100), TIMEOUT_MS);
  test('PostgreSQL in the process (PGlite)', () => behavesAsTheModel(openPgliteSubject, 15), TIMEOUT_MS);
  test.skipIf(postgresMissing !== undefined)(
    `PostgreSQL${postgresMissing ?? ''}`,
    () => behavesAsTheModel(postgres.open, 15),
    TIMEOUT_MS,
  );
});

async function behavesAsTheModel(open: () => Promise<StorageSubject>, numRuns: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 25 }), async (commands) => {
      const model = await openMemorySubject();
      const subject = await open();
      try {
        for (const one of commands) {
          expect(await run(subject, one), nameOf(one)).toEqual(await run(model, one));
        }
        const expected = await observe(model.storage);
        expect(await observe(subject.storage)).toEqual(expected);
        expect(await observe((await subject.reopen?.()) ?? subject.storage)).toEqual(expected);
      } finally {
        await subject.dispose();
        await model.dispose();
      }
    }),
    { numRuns },
  );
}

/** What a caller sees of one command; a defect counts by its message. */
async function run(subject: StorageSubject, one: Command): Promise<unknown> {
  switch (one.type) {
    case 'advance':
      return subject.clock.advance(one.ms);
    case 'reopen':
      return void (await subject.reopen?.());
    case 'prune':
      return subject.storage.prune(one.policy);
    case 'transact':
      return subject.storage.transact(one.request).catch((error: Error) => error.message);
    default:
      return one satisfies never;
  }
}

function nameOf(one: Command): string {
  return one.type === 'transact' ? one.label : JSON.stringify(one);
}
