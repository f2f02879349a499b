import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openMemorySubject, openSqliteSubject } from './storage-adapters.ts';
import type { Command } from './storage-commands.arbitrary.ts';
import { command } from './storage-commands.arbitrary.ts';
import { observe } from './storage-observation.ts';
import type { StorageSubject } from './storage-subject.ts';

const RUNS = 100;

test('[S7] SQLite answers any list of commands as the memory model does, before and after it is opened again', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 25 }), async (commands) => {
      const model = await openMemorySubject();
      const subject = await openSqliteSubject();
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
    { numRuns: RUNS },
  );
});

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
