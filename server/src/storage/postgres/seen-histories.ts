import { sql } from 'drizzle-orm';
import type { LostCommits } from '../storage.ts';
import type { Database } from './connections.ts';

/** Where an environment's row is, or what somebody was told of it. */
export interface Head {
  /** Of the environment. */
  readonly id: number;
  readonly epoch: string;
  readonly revision: number;
}

/** A revision, and when it was committed, in milliseconds: another in its place has another time. */
interface Dated {
  readonly revision: number;
  readonly at: number;
}

interface Seen {
  readonly epoch: string;
  /** The highest revision that was read or written. */
  readonly revision: number;
  /**
   * Rising, since it was last found that the database has everything: what is read from a server that lacks some of them
   * comes after those, and must not take their place.
   */
  readonly dated: readonly Dated[];
}

/** How many are kept of an environment; far more than are committed between two looks. */
const DATED_MAX = 1_000;

/**
 * How far this server has seen every environment. What was committed once and is not there any more was lost, whoever
 * lost it: a standby that was behind and took over, a disk, a restore to an earlier point in time.
 *
 * @example
 * const seen = new SeenHistories();
 * seen.note({ id: 1, epoch: 'k3v9', revision: 12 }, committedAt);
 * seen.isAheadOf({ id: 1, epoch: 'k3v9', revision: 9 }) // true
 */
export class SeenHistories {
  readonly #seen = new Map<number, Seen>();

  /**
   * Notes a revision, unless a later one of its epoch was noted. Another epoch takes the place of the one before.
   *
   * @param at - When it was committed, in milliseconds; left out: not known.
   */
  note({ id, epoch, revision }: Head, at?: number): void {
    const known = this.#seen.get(id);
    const before = known?.epoch === epoch ? known : undefined;
    const dated = before?.dated ?? [];
    const isNews = at !== undefined && revision > (dated.at(-1)?.revision ?? 0);
    this.#seen.set(id, {
      epoch,
      revision: Math.max(revision, before?.revision ?? 0),
      dated: isNews ? [...dated.slice(1 - DATED_MAX), { revision, at }] : dated,
    });
  }

  /** The database has everything: the last of each environment stands for what is before it. */
  settle(): void {
    for (const [id, seen] of this.#seen) {
      if (seen.dated.length > 1) this.#seen.set(id, { ...seen, dated: seen.dated.slice(-1) });
    }
  }

  /** The highest revision of an epoch that was noted; 0: none. */
  reached({ id, epoch }: Omit<Head, 'revision'>): number {
    const known = this.#seen.get(id);
    return known?.epoch === epoch ? known.revision : 0;
  }

  /** Whether more was seen than a row says that there is. A commit that ends while the row is read looks the same. */
  isAheadOf(head: Head): boolean {
    return this.reached(head) > head.revision;
  }

  /** Whether what was seen is of another epoch. */
  isOfAnother({ id, epoch }: Omit<Head, 'revision'>): boolean {
    const known = this.#seen.get(id);
    return known !== undefined && known.epoch !== epoch;
  }

  /**
   * What was seen and is not in the database. One statement, which sees whatever had been committed when it was sent;
   * a standby is asked in vain, because what it lacks may be on its way.
   */
  async lostIn(database: Database): Promise<readonly LostCommits[]> {
    const { rows } = await database.execute<{
      project: string;
      environment: string;
      epoch: string;
      seen: number;
      found: number;
    }>(sql`
      select there.project, there.key as environment, there.epoch, there.revision as found,
        max(case when there.revision < seen.revision then seen.revision else seen.dated end) as seen
      from json_to_recordset(${JSON.stringify(this.#rows())}::json)
        as seen (id int, epoch text, revision int, dated int, at bigint)
      join environments as there on there.id = seen.id and there.epoch = seen.epoch
      left join changes on changes.environment = seen.id and changes.revision = seen.dated
      where not pg_is_in_recovery() and (there.revision < seen.revision
        or (seen.dated > there.history_floor and changes.at is distinct from seen.at))
      group by there.id
      order by there.id`);
    return rows;
  }

  #rows(): readonly object[] {
    return [...this.#seen].flatMap(([id, { epoch, revision, dated }]) => [
      { id, epoch, revision, dated: null, at: null },
      ...dated.map((one) => ({ id, epoch, revision, dated: one.revision, at: one.at })),
    ]);
  }
}
