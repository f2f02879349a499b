import { asc, inArray, sql } from 'drizzle-orm';
import type { EnvironmentRef } from '../../environments/environment.ts';
import type { Repetition } from '../../platform/repeat.ts';
import { repeat } from '../../platform/repeat.ts';
import type { Schedule } from '../../platform/schedule.ts';
import type { CommitAnnouncer } from '../commit-announcer.ts';
import type { Breaker } from './breaker.ts';
import type { Connections, Database, Watch } from './connections.ts';
import { isTrouble } from './postgres-fault.ts';
import { environments } from './tables.ts';

/** How often every revision is looked at, in milliseconds: what no notification tells is found by then. */
const LOOK_MS = 1_000;

/** Where servers tell each other of commits. */
const CHANNEL = 'dimmer_commits';

/** Whether notifications of other servers arrive. Without them, their commits are found by the look each second. */
export interface Listening {
  readonly isListening: boolean;
  readonly cause?: unknown;
}

export interface CommitWatchParts {
  readonly connections: Connections;
  readonly schedule: Schedule;
  readonly announcer: CommitAnnouncer;
  readonly breaker: Breaker;
  /** Whether to listen for notifications at all. */
  readonly listens: boolean;
  readonly onListening: (listening: Listening) => void;
  readonly onError: (cause: unknown) => void;
}

/** An environment at a revision. */
export interface Reached extends EnvironmentRef {
  readonly id: number;
  readonly revision: number;
}

/** Sends the hint of commits to all servers, when and only when the transaction commits. */
export async function notifyCommits(database: Database, reached: readonly Reached[]): Promise<void> {
  if (reached.length === 0) return;
  const hints = reached.map(({ id, revision }) => sql`pg_notify(${CHANNEL}, ${`${id}:${revision}`})`);
  await database.execute(sql`select ${sql.join(hints, sql`, `)}`);
}

/**
 * Announces commits of every server that uses the database. Notifications are only hints of where to look: what is
 * announced was read from the rows. Each second all environments are looked at, which finds what no hint told, and is
 * the probe of whether the database answers.
 */
export class CommitWatch {
  readonly #parts: CommitWatchParts;
  /** The revision that was announced last, by id of the environment. */
  readonly #known = new Map<number, number>();
  /** The highest revision that was read, by id: whoever hears of a lower one would take it for another history. */
  readonly #seen = new Map<number, number>();
  readonly #hinted = new Set<number>();
  #looking: Promise<void> | undefined;
  #watch: Watch | undefined;
  #ticks: Repetition | undefined;
  #hears: boolean | undefined;
  /** What this watch says to see whether notifications arrive at all, and no other says. */
  #echo: string | undefined;
  #reconnected = (): void => {};
  #isStopped = false;

  constructor(parts: CommitWatchParts) {
    this.#parts = parts;
  }

  /** Takes every revision as known, and begins to watch. @throws What the driver throws. */
  async start(): Promise<void> {
    await this.#connect();
    for (const { id, revision } of await this.#read(undefined)) this.#known.set(id, revision);
    this.#askForEcho();
    this.#ticks = repeat(this.#parts.schedule, LOOK_MS, {
      run: () => this.#tick(),
      onFailure: this.#parts.onError,
    });
  }

  /** @param listener - Called when the connection was lost and is there again, perhaps to another server than before. */
  onReconnect(listener: () => void): void {
    this.#reconnected = listener;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#watch?.close();
    await this.#ticks?.stop();
  }

  /** Announces what has moved beyond what was announced before. */
  announce(reached: readonly Reached[]): void {
    for (const { id, revision, project, environment } of reached) {
      if (revision <= (this.#known.get(id) ?? 0)) continue;
      const reachedNow = Math.max(revision, this.#seen.get(id) ?? 0);
      this.#known.set(id, reachedNow);
      this.#parts.announcer.announce({ project, environment }, reachedNow);
    }
  }

  /** Notes what was handed to a reader: no announcement after it says less. */
  saw(id: number, revision: number): void {
    if (revision > (this.#seen.get(id) ?? 0)) this.#seen.set(id, revision);
  }

  async #tick(): Promise<void> {
    const { breaker } = this.#parts;
    try {
      if (this.#watch === undefined) await this.#reconnect();
      else this.#tellWhetherItHears();
      this.announce(await this.#read(undefined));
      breaker.answered();
      this.#askForEcho();
    } catch (cause) {
      if (this.#isStopped) return;
      if (!isTrouble(cause)) throw cause;
      breaker.unanswered(cause);
      await this.#disconnect(cause);
    }
  }

  /** What is known is measured against the rows anew: a server that took over may lack the last commits of the one before. */
  async #reconnect(): Promise<void> {
    await this.#connect();
    this.#reconnected();
    this.#seen.clear();
    for (const { id, revision } of await this.#read(undefined)) {
      if ((this.#known.get(id) ?? 0) > revision) this.#known.set(id, revision);
    }
  }

  async #connect(): Promise<void> {
    const { connections, listens } = this.#parts;
    this.#hears = undefined;
    const watch = await connections.watch({
      channel: listens ? CHANNEL : undefined,
      onNotification: (payload) => this.#hear(payload),
      onEnd: (cause) => void this.#disconnect(cause),
    });
    if (this.#isStopped) return watch.close();
    this.#watch = watch;
    if (listens) this.#echo = await watch.use(newWord);
  }

  async #disconnect(cause: unknown): Promise<void> {
    const watch = this.#watch;
    if (watch === undefined || this.#isStopped) return;
    this.#watch = undefined;
    if (this.#parts.listens) this.#parts.onListening({ isListening: false, cause });
    await watch.close();
  }

  /** A pooler may take LISTEN and never deliver anything. Told once; asked again as long as nothing is heard. */
  #tellWhetherItHears(): void {
    if (!this.#parts.listens || this.#hears === true) return;
    const wasTold = this.#hears === false;
    this.#hears = false;
    if (wasTold) return;
    const cause = new Error(
      'Notifications do not arrive, as behind a pooler that gives connections away in between.',
    );
    this.#parts.onListening({ isListening: false, cause });
  }

  /**
   * When the connection that listens has nothing to do, and over another one. A pooler passes a notification on to whoever
   * has the connection of PostgreSQL at that moment: this watch would hear its echo by chance, and hints never. Nobody
   * waits for it, because that other connection may be one that hangs.
   */
  #askForEcho(): void {
    if (this.#echo === undefined || this.#hears === true) return;
    const echo = sql`select pg_notify(${CHANNEL}, ${this.#echo})`;
    this.#parts.connections.use('reads', (database) => database.execute(echo)).catch(ignore);
  }

  #hear(payload: string): void {
    if (payload === this.#echo) {
      if (this.#hears !== true) this.#parts.onListening({ isListening: true });
      this.#hears = true;
      return;
    }
    const [, id, revision] = /^(\d+):(\d+)$/.exec(payload) ?? [];
    if (id === undefined || Number(revision) <= (this.#known.get(Number(id)) ?? 0)) return;
    this.#hinted.add(Number(id));
    this.#looking ??= this.#lookAtHinted();
  }

  /** Hints that come during a look are looked at together by the next. */
  async #lookAtHinted(): Promise<void> {
    try {
      while (this.#hinted.size > 0) {
        const ids = [...this.#hinted];
        this.#hinted.clear();
        this.announce(await this.#read(ids));
      }
    } catch {
      // The look of the next second finds it.
    } finally {
      this.#looking = undefined;
    }
  }

  /** On the connection of its own, or one for reads where there is none for now. */
  #read(ids: readonly number[] | undefined): Promise<readonly Reached[]> {
    const read = (database: Database): Promise<readonly Reached[]> => selectRevisions(database, ids);
    return this.#watch?.use(read) ?? this.#parts.connections.use('reads', read);
  }
}

/** A word that nobody else has. */
async function newWord(database: Database): Promise<string> {
  const { rows } = await database.execute<{ word: string }>(sql`select gen_random_uuid()::text as word`);
  return rows[0]?.word ?? '';
}

async function selectRevisions(
  database: Database,
  ids: readonly number[] | undefined,
): Promise<readonly Reached[]> {
  return database
    .select({
      id: environments.id,
      project: environments.project,
      environment: environments.key,
      revision: environments.revision,
    })
    .from(environments)
    .where(ids === undefined ? undefined : inArray(environments.id, [...ids]))
    .orderBy(asc(environments.id));
}

function ignore(): void {}
