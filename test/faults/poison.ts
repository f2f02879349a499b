import Database from 'better-sqlite3';
import type { SeededRandom } from './seeded-random.ts';
import { VICTIM } from './validate-clients.ts';

/** What a hand, a bug or a disk may leave where a document was. */
const DOCUMENTS = [
  '',
  'null',
  '{}',
  '[1',
  '"text"',
  '{"configuration":null,"kill":null}',
  '{"configuration":{"enabled":"yes","rules":7},"kill":null}',
  '{"key":"victim","type":"quantum","variations":{"on":{}}}',
];

/** Tables that hold a document of a flag, with the column of its key. */
const PLACES = [
  { table: 'configurations', column: 'flag' },
  { table: 'flags', column: 'key' },
  { table: 'definitions', column: 'key' },
];

/**
 * Spoils one row of the flag that nobody writes to. The server must not run.
 *
 * @returns What was done, for the history.
 */
export function poisonVictim(databasePath: string, random: SeededRandom): string {
  const { table, column } = random.pick(PLACES);
  const document = random.pick(DOCUMENTS);
  const database = new Database(databasePath);
  try {
    const { changes } = database
      .prepare(`update ${table} set document = ? where ${column} = ?`)
      .run(document, VICTIM);
    if (changes === 0) throw new Error(`${table} has no row of ${VICTIM}`);
  } finally {
    database.close();
  }
  return `${table}: ${document}`;
}
