import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A step from one form of the tables to the next. Steps only go forward, and a published one never changes. */
export interface MigrationStep {
  /** From 0, without gaps: the number that its file starts with. */
  readonly number: number;
  /** Name of its file, without `.sql`. */
  readonly name: string;
  /**
   * The newest step that a server must know at least to work on the tables as this step leaves them. Servers of the
   * version before must go on working, so it is at most the last step that they know.
   */
  readonly leastReader: number;
  readonly statements: readonly string[];
  /** The index that its one statement builds beside running writers, outside of a transaction. */
  readonly index?: string;
}

const CONCURRENT_INDEX = /^create index concurrently "?(\w+)"?/i;
const LEAST_READER = /^-- least reader: (\d+)$/m;

/**
 * Reads the steps of a folder, in order: files such as `0003_leases.sql`, whose statements are separated as drizzle-kit
 * separates them, and which say `-- least reader: 2` on a line.
 *
 * @throws Error that names the file where one is not as it must be.
 */
export function readSteps(folder: string): readonly MigrationStep[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file, place) => stepOf(folder, file, place));
}

function stepOf(folder: string, file: string, place: number): MigrationStep {
  const text = readFileSync(join(folder, file), 'utf8');
  const number = Number(/^(\d{4})_/.exec(file)?.[1] ?? Number.NaN);
  const leastReader = LEAST_READER.exec(text)?.[1];
  if (number !== place)
    throw new Error(`The migration ${file} must start with the number ${place}, as 0001_.`);
  if (leastReader === undefined || Number(leastReader) > number) {
    throw new Error(`The migration ${file} must say \`-- least reader: <step>\`, of a step up to ${number}.`);
  }
  const statements = text
    .replace(/^--(?!>).*$/gm, '')
    .split('--> statement-breakpoint')
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
  const [first = ''] = statements;
  const [, index] = statements.length === 1 ? (CONCURRENT_INDEX.exec(first) ?? []) : [];
  const name = file.replace(/\.sql$/, '');
  return {
    number,
    name,
    leastReader: Number(leastReader),
    statements,
    ...(index !== undefined && { index }),
  };
}
