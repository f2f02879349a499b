import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A step from one form of the tables to the next, as it stands in its file. */
export interface Migration {
  /** `0003_leases`. */
  readonly name: string;
  readonly statements: readonly string[];
  /** Rules that it may break, with the reason: lines `-- allow <rule>: <reason>`. */
  readonly exceptions: ReadonlyMap<string, string>;
  /** Of everything but the exceptions: what cannot change once the migration has been released. */
  readonly hash: string;
}

/** Something that a migration must not do. */
export interface Finding {
  readonly rule: string;
  /** What was found, and what to do instead. */
  readonly problem: string;
}

const BREAKPOINT = '--> statement-breakpoint';
const EXCEPTION = /^-- allow ([\w-]+): (.*)\n?/gm;
/** Shorter is no reason. */
const REASON_CHARACTERS_MIN = 30;

/** Reads the `.sql` files of a folder, in their order. */
export function readMigrations(folder: string): readonly Migration[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.sql'));
  return files.sort().map((file) => migrationOf(file.slice(0, -4), readFileSync(join(folder, file), 'utf8')));
}

/** @param text - Of the file. */
export function migrationOf(name: string, text: string): Migration {
  const kept = text.replace(EXCEPTION, '');
  return {
    name,
    statements: kept
      .split(BREAKPOINT)
      .map((statement) => statement.replace(/^--.*$/gm, '').trim())
      .filter((statement) => statement !== ''),
    exceptions: new Map([...text.matchAll(EXCEPTION)].map(([, rule = '', reason = '']) => [rule, reason])),
    hash: createHash('sha256').update(kept.trim()).digest('hex'),
  };
}

/** What is left to say of the findings, once the exceptions are taken: each needs a reason, and something to allow. */
export function complaintsOf({ name, exceptions }: Migration, found: readonly Finding[]): readonly string[] {
  const left = found.filter(({ rule }) => !exceptions.has(rule));
  const needless = [...exceptions.keys()].filter((rule) => !found.some((each) => each.rule === rule));
  const vague = [...exceptions].filter(([, reason]) => reason.length < REASON_CHARACTERS_MIN);
  return [
    ...left.map(({ rule, problem }) => `${name}: ${rule}: ${problem}`),
    ...needless.map((rule) => `${name}: ${rule}: allowed, but nothing breaks it; take the line out`),
    ...vague.map(([rule]) => `${name}: ${rule}: its reason says nothing; write why no running server minds`),
  ];
}

/** The same for every migration that is not as it was released. @param released - Hashes by name. */
export function changedSinceRelease(
  migrations: readonly Migration[],
  released: Readonly<Record<string, string>>,
): readonly string[] {
  const byName = new Map(migrations.map((migration) => [migration.name, migration]));
  return Object.entries(released).flatMap(([name, hash]) => {
    const migration = byName.get(name);
    if (migration === undefined) return [`${name}: released, and gone; put it back`];
    return migration.hash === hash
      ? []
      : [`${name}: released, and changed; put it back and write another one`];
  });
}
