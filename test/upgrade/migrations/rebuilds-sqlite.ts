/** A table that was made anew under its name, by the four statements that SQLite has for it. */
export interface Rebuild {
  readonly table: string;
  /** Copied from each row of the table, under their own names. */
  readonly columns: readonly string[];
  /** Where those of its statements stand that would be refused alone. */
  readonly places: readonly number[];
}

const NAME = '["`]?(\\w+)["`]?';
const CREATE = new RegExp(`^CREATE TABLE ${NAME} ?\\(`, 'i');
/** Nothing behind the table: what stands there could leave rows out. */
const COPY = new RegExp(`^INSERT INTO ${NAME} ?\\(([^()]*)\\) ?SELECT ([^()]*) FROM ${NAME};?$`, 'i');
const DROP = new RegExp(`^DROP TABLE ${NAME};?$`, 'i');
const RENAME = new RegExp(`^ALTER TABLE ${NAME} RENAME TO ${NAME};?$`, 'i');

/** Where one follows right on the other: a table is made, every row is copied, the old one goes, the new one takes its name. */
export function rebuildsIn(statements: readonly string[]): readonly Rebuild[] {
  return statements.flatMap((statement, place) => {
    const rebuilt = rebuiltBy([statement, ...statements.slice(place + 1, place + 4)]);
    return rebuilt === undefined ? [] : [{ ...rebuilt, places: [place + 2, place + 3] }];
  });
}

function rebuiltBy([create = '', copy = '', drop = '', rename = '']: readonly string[]):
  | Omit<Rebuild, 'places'>
  | undefined {
  const next = CREATE.exec(create)?.[1];
  const [, target, into = '', from = '', source] = COPY.exec(copy) ?? [];
  const dropped = DROP.exec(drop)?.[1];
  const [, renamed, table] = RENAME.exec(rename) ?? [];
  if (next === undefined || table === undefined) return undefined;
  const isOneTable = target === next && renamed === next && source === table && dropped === table;
  const columns = namesIn(into);
  const isEachToItself = columns.join() === namesIn(from).join();
  return isOneTable && isEachToItself ? { table, columns } : undefined;
}

function namesIn(list: string): readonly string[] {
  return list.split(',').map((name) => name.trim().replace(/^(["`])(.*)\1$/, '$2'));
}
