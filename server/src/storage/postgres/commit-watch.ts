import { asc, inArray, sql } from 'drizzle-orm';
import type { EnvironmentRef } from '../../environments/environment.ts';
import type { Repetition } from '../../platform/repeat.ts';
import { repeat } from '../../platform/repeat.ts';
import type { Schedule } from '../../platform/schedule.ts';
import type { CommitAnnouncer } from '../commit-announcer.ts';
import type { LossListener, LostCommits } from '../storage.ts';
import type { Breaker } from './breaker.ts';
import type { Connections, Database, Watch } from './connections.ts';
import { ConnectFault, isTrouble } from './postgres-fault.ts';
import type { Head } from './seen-histories.ts';
import { SeenHistories } from './seen-histories.ts';
import { SERVER } from './server-process.ts';
import { standbyFault } from './session-settings.ts';
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
type Reached = EnvironmentRef & Head;

/** A commit of this server. */
export interface Committed extends Reached {
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

/** Where every environment is, as one process of PostgreSQL tells. */
interface Look {
  /** `undefined` where there is no environment. */
  readonly server: string | undefined;
  readonly isStandby: boolean;
  readonly heads: readonly Reached[];
}

/** Sends the hint of commits to all servers, when and only when the transaction commits. */
export async function notifyCommits(database: Database, reached: readonly Committed[]): Promise<void> {
  if (reached.length === 0) return;
  const hints = reached.map(({ id, revision }) => sql`pg_notify(${CHANNEL}, ${`${id}:${revision}`})`);
  await database.execute(sql`select ${sql.join(hints, sql`, `)}`);
}

/**
 * Announces commits of every server that uses the database. Notifications are only hints of where to look: what is
 * announced was read from the rows. Each second all environments are looked at, which finds what no hint told, is the probe
 * of whether the primary answers, and finds out whether it lacks what this server has seen.
 */
export class CommitWatch {
  readonly #parts: CommitWatchParts;
  /** The revision that was announced last, by id of the environment. */
  readonly #known = new Map<number, number>();
  /** What was read: whoever hears of a lower revision would take it for another history. */
  readonly #seen = new SeenHistories();
  readonly #lossListeners = new Set<LossListener>();
  readonly #hinted = new Set<number>();
  #looking: Promise<void> | undefined;
  #watch: Watch | undefined;
  #ticks: Repetition | undefined;
  #hears: boolean | undefined;
  /** What this watch says to see whether notifications arrive at all, and no other says. */
  #echo: string | undefined;
  #metServer = (_server: string): void => {};
  /** The process of PostgreSQL that has everything which was seen. */
  #complete: string | undefined;
  #isStopped = false;

  constructor(parts: CommitWatchParts) {
    this.#parts = parts;
  }

  /** Takes every revision as known, and begins to watch. @throws What the driver throws. */
  async start(): Promise<void> {
    await this.#connect();
    const { server, heads } = await this.#look();
    this.#complete = server;
    for (const head of heads) {
      this.#known.set(head.id, head.revision);
      this.#seen.note(head);
    }
    this.#askForEcho();
    this.#ticks = repeat(this.#parts.schedule, LOOK_MS, {
      run: () => this.#tick(),
      onFailure: this.#parts.onError,
    });
  }

  /** @param listener - Called with the process of PostgreSQL that answers, after each look. */
  onServer(listener: (server: string) => void): void {
    this.#metServer = listener;
  }

  /** @returns A function that ends the subscription. */
  onLoss(listener: LossListener): () => void {
    this.#lossListeners.add(listener);
    return () => void this.#lossListeners.delete(listener);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#watch?.close();
    await this.#ticks?.stop();
  }

  /** Announces what this server has committed. */
  announce(committed: readonly Committed[]): void {
    for (const one of committed) this.#seen.note(one, one.at);
    this.#announce(committed);
  }

  /**
   * Notes what was handed to a reader: no announcement after it says less, and a database that lacks it has lost it.
   *
   * @param at - When the revision was committed, in milliseconds; `undefined`: not known.
   */
  saw(head: Head, at: number | undefined): void {
    this.#seen.note(head, at);
  }

  /** Announces what has moved beyond what was announced before, or goes on in another epoch. */
  #take(heads: readonly Reached[]): void {
    for (const head of heads) {
      // Wherever it is now, that is news.
      if (this.#seen.isOfAnother(head)) this.#known.set(head.id, -1);
      this.#seen.note(head);
    }
    this.#announce(heads);
  }

  #announce(reached: readonly Reached[]): void {
    for (const head of reached) {
      const { id, revision, project, environment } = head;
      if (revision <= (this.#known.get(id) ?? 0)) continue;
      const reachedNow = Math.max(revision, this.#seen.reached(head));
      this.#known.set(id, reachedNow);
      this.#parts.announcer.announce({ project, environment }, reachedNow);
    }
  }

  async #tick(): Promise<void> {
    const { breaker } = this.#parts;
    try {
      if (this.#watch === undefined) await this.#connect();
      else this.#tellWhetherItHears();
      const { server, heads } = await this.#look();
      if (server !== undefined) this.#metServer(server);
      await this.#findLoss(server, heads);
      this.#take(heads);
      breaker.answered();
      this.#askForEcho();
    } catch (cause) {
      if (this.#isStopped) return;
      if (!isTrouble(cause)) throw cause;
      breaker.unanswered(cause);
      await this.#disconnect(cause);
    }
  }

  /** @throws ConnectFault where a standby answers: what it lacks may be on its way, and it takes no writes. */
  async #look(): Promise<Look> {
    const look = await this.#use(selectHeads);
    if (look.isStandby)
      throw new ConnectFault('The connection leads to a standby.', { cause: standbyFault() });
    return look;
  }

  /**
   * Another process of PostgreSQL is asked for everything that was seen, because new commits may have taken the place of
   * those that it lacks; any process, once an environment is further back. What is lost is told until it is seen no more.
   */
  async #findLoss(server: string | undefined, heads: readonly Reached[]): Promise<void> {
    if (server !== this.#complete || heads.some((head) => this.#seen.isAheadOf(head))) {
      const lost = await this.#use((database) => this.#seen.lostIn(database));
      for (const one of lost) this.#tellLoss(one);
      if (lost.length > 0) return;
      this.#complete = server;
    }
    this.#seen.settle();
  }

  #tellLoss(lost: LostCommits): void {
    for (const listener of [...this.#lossListeners]) {
      try {
        listener(lost);
      } catch (error) {
        this.#parts.onError(error);
      }
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
        this.#take((await this.#use((database) => selectHeads(database, ids))).heads);
      }
    } catch {
      // The look of the next second finds it.
    } finally {
      this.#looking = undefined;
    }
  }

  /** On the connection of its own, or one for reads where there is none for now. */
  #use<T>(work: (database: Database) => Promise<T>): Promise<T> {
    return this.#watch?.use(work) ?? this.#parts.connections.use('reads', work);
  }
}

/** A word that nobody else has. */
async function newWord(database: Database): Promise<string> {
  const { rows } = await database.execute<{ word: string }>(sql`select gen_random_uuid()::text as word`);
  return rows[0]?.word ?? '';
}

/** @param ids - Of environments. Default: of all. */
async function selectHeads(database: Database, ids?: readonly number[]): Promise<Look> {
  const rows = await database
    .select({
      id: environments.id,
      project: environments.project,
      environment: environments.key,
      epoch: environments.epoch,
      revision: environments.revision,
      server: SERVER,
      isStandby: sql<boolean>`pg_is_in_recovery()`,
    })
    .from(environments)
    .where(ids === undefined ? undefined : inArray(environments.id, [...ids]))
    .orderBy(asc(environments.id));
  return { server: rows[0]?.server, isStandby: rows[0]?.isStandby === true, heads: rows };
}

function ignore(): void {}
