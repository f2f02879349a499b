/** How bad it is: fine; good to know; will hurt some day; hurts. */
export type Level = 'ok' | 'note' | 'warning' | 'problem';

/** One thing that was looked at. */
export interface Finding {
  readonly level: Level;
  /** What it is about: `settings`, `database`, `clock`, `machine`, `versions`, `server`. */
  readonly area: string;
  /** What was found, in one sentence. */
  readonly found: string;
  /** What to do; only `ok` has nothing to do. */
  readonly remedy: string | null;
}

/** Makes the findings of one area. */
export interface FindingsOf {
  ok(found: string): Finding;
  note(found: string, remedy: string): Finding;
  warning(found: string, remedy: string): Finding;
  problem(found: string, remedy: string): Finding;
}

/** @example findingsOf('database').problem('The disk is full.', 'Make space.') */
export function findingsOf(area: string): FindingsOf {
  const bad =
    (level: Level) =>
    (found: string, remedy: string): Finding => ({ level, area, found, remedy });
  return {
    ok: (found) => ({ level: 'ok', area, found, remedy: null }),
    note: bad('note'),
    warning: bad('warning'),
    problem: bad('problem'),
  };
}
