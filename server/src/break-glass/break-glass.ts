import type { HeldView, LiftedView } from '@dimmer/schema/rest';
import type { Actor } from '../access/api-key.ts';
import { unlessFaulty } from '../changes/fault.ts';
import { flagNotFound } from '../changes/rejections.ts';
import type { Result } from '../changes/result.ts';
import { accepted, andThen, mapResult, rejected } from '../changes/result.ts';
import type { Delivery } from '../delivery/delivery.ts';
import type { EnvironmentRef } from '../environments/environment.ts';
import { hasExpired, killOf } from '../flags/kill-edits.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { repeat } from '../platform/repeat.ts';
import type { Schedule } from '../platform/schedule.ts';
import { within } from '../platform/within.ts';
import type { TransactOutcome } from '../storage/storage.ts';
import { StorageFault } from '../storage/storage.ts';
import type { HeldFile } from './held-file.ts';
import type { HeldKill, HeldKills } from './held-kills.ts';
import { factsOf, HELD_KILLS_MAX } from './held-kills.ts';
import type { Home } from './held-texts.ts';
import { awayOf, heldDetail, nothingHere, tagUnknown, tooMany, underWay } from './held-texts.ts';
import type { Settled, SettleHeld } from './settle-held.ts';

/** How long a kill that may be held waits for the database, in milliseconds. */
const DATABASE_TRY_MS = 1_000;

/** How long the answer to a kill that is held waits for the disk, in milliseconds. SDKs have it before that. */
const DISK_TRY_MS = 1_000;

/** How often it is looked whether the database takes what is held, in milliseconds. */
const RECONCILE_MS = 1_000;

/** A kill as it was asked for. */
export interface AskedKill {
  readonly environment: EnvironmentRef;
  /** Left out: only a tag was given, which nobody but the database can resolve. */
  readonly flags: readonly string[] | undefined;
  readonly tag?: string | undefined;
  readonly reason: string;
  /** ISO 8601. */
  readonly expiresAt?: string | undefined;
  readonly actor: Actor;
  readonly breakGlass?: boolean | undefined;
}

/** Kills that reach the SDKs of this server while the database is away. */
export interface BreakGlass {
  /**
   * Commits a kill. Where the database does not answer and the caller has broken the glass, holds it here.
   *
   * @throws what `commitKill` throws, but for a database that is away.
   */
  kill(
    asked: AskedKill,
    commitKill: () => Promise<Result<TransactOutcome>>,
  ): Promise<Result<TransactOutcome>>;
  /** Lifts a kill that is held here. One that is not held is no fault. */
  lift(environment: EnvironmentRef, flag: string): Promise<Result<TransactOutcome>>;
  /** The database has restored a flag: what is held of it has no meaning any more. */
  restored(environment: EnvironmentRef, flag: string): void;
  /**
   * Commits what is held, as far as the database takes it within a second. It is done by itself each second; to be called
   * at a start too, so that nobody sees killed for a moment what people have restored since.
   */
  reconcile(): Promise<void>;
  /** Ends it. What is still held and not kept is lost, which is logged. */
  close(): Promise<void>;
}

export interface BreakGlassPorts {
  readonly held: HeldKills;
  readonly home: Home;
  readonly settle: SettleHeld;
  /** Where what is held outlives the process. */
  readonly file: HeldFile;
  readonly delivery: Pick<Delivery, 'known' | 'ruleset' | 'streams'>;
  /** Names this server in answers. */
  readonly host: string;
  readonly clock: Clock;
  readonly schedule: Schedule;
  readonly log: Log;
}

/** @example const breakGlass = createBreakGlass({ held, home: 'database', settle, file: notKept(log), delivery, host, clock, schedule, log }); */
export function createBreakGlass(ports: BreakGlassPorts): BreakGlass {
  return new HoldingBreakGlass(ports);
}

class HoldingBreakGlass implements BreakGlass {
  readonly #ports: BreakGlassPorts;
  readonly #repetition: { stop(): Promise<void> };
  /** On their way into the database: it is too late to lift them here. */
  readonly #underWay = new Set<HeldKill>();
  #reconciling: Promise<void> | undefined;
  #failing = false;

  constructor(ports: BreakGlassPorts) {
    this.#ports = ports;
    this.#repetition = repeat(ports.schedule, RECONCILE_MS, {
      run: () => this.#reconcileOnce(),
      onFailure: (err) => this.#fail(err),
    });
  }

  async kill(
    asked: AskedKill,
    commitKill: () => Promise<Result<TransactOutcome>>,
  ): Promise<Result<TransactOutcome>> {
    const { log, home, schedule } = this.#ports;
    const committed = committedOrAway(commitKill());
    if (asked.breakGlass !== true) {
      const outcome = await committed;
      if (!(outcome instanceof StorageFault)) return outcome;
      log.warn({ ...asked.environment, err: outcome }, 'a kill met a storage fault');
      return rejected(awayOf(outcome, home));
    }
    committed.catch((err: unknown) => log.warn({ err }, 'a kill failed in the database'));
    // Where the database takes its time, whatever comes of it then does no harm.
    const outcome = await within(DATABASE_TRY_MS, schedule, committed);
    return outcome === undefined || outcome instanceof StorageFault ? this.#hold(asked) : outcome;
  }

  async lift(environment: EnvironmentRef, flag: string): Promise<Result<TransactOutcome>> {
    const { held, file, home, host, delivery, schedule, log } = this.#ports;
    const kill = held.of(environment).find((one) => one.flag === flag);
    if (kill !== undefined && this.#underWay.has(kill)) return rejected(underWay(flag, home));
    if (kill !== undefined) {
      held.drop(environment, [kill]);
      log.warn({ ...environment, flag }, 'a held kill was lifted');
      await within(DISK_TRY_MS, schedule, file.keep());
    }
    const streams = delivery.streams(environment);
    const view: LiftedView = { lifted: kill !== undefined, server: host, streams, ...environment, flag };
    return accepted({ reply: { status: 202, etag: null, body: view }, replayed: false });
  }

  restored(environment: EnvironmentRef, flag: string): void {
    const kills = this.#ports.held.of(environment).filter((one) => one.flag === flag);
    if (kills.length > 0) this.#drop(environment, kills);
  }

  async reconcile(): Promise<void> {
    const reconciled = this.#reconcileOnce().catch((err: unknown) => this.#fail(err));
    await within(DATABASE_TRY_MS, this.#ports.schedule, reconciled);
  }

  async close(): Promise<void> {
    const { held, file, log } = this.#ports;
    await this.#repetition.stop();
    const isKept = await file.close();
    for (const kill of held.all()) {
      if (isKept)
        log.warn(factsOf(kill), 'a held kill is not committed: it waits in its file for the next start');
      else log.error(factsOf(kill), 'a held kill is lost: the server ends');
    }
  }

  /** One at a time: a kill that is settled twice at once would be two writes. */
  #reconcileOnce(): Promise<void> {
    this.#reconciling ??= this.#reconcileAll().finally(() => {
      this.#reconciling = undefined;
    });
    return this.#reconciling;
  }

  async #reconcileAll(): Promise<void> {
    const { held, clock, log } = this.#ports;
    for (const kill of held.all()) {
      if (hasExpired(kill.kill, clock.now())) {
        this.#drop(kill.environment, [kill]);
        log.warn(factsOf(kill), 'a held kill expired');
      } else if (await this.#settle(kill)) this.#drop(kill.environment, [kill]);
    }
    this.#failing = false;
  }

  /** Lets go of kills. Where the file still has them after a crash, they are settled a second time, which does nothing. */
  #drop(environment: EnvironmentRef, kills: readonly HeldKill[]): void {
    const { held, file } = this.#ports;
    held.drop(environment, kills);
    void file.keep();
  }

  async #hold(asked: AskedKill): Promise<Result<TransactOutcome>> {
    const { held, home, file, clock, schedule, host, delivery, log } = this.#ports;
    const { environment, actor } = asked;
    const at = new Date(clock.now()).toISOString();
    const made = andThen(this.#flagsOf(asked), (flags) =>
      mapResult(killOf(asked.reason, asked.expiresAt, { now: at, actor }), (kill) =>
        flags.map((flag): HeldKill => ({ environment, flag, kill, actor })),
      ),
    );
    if (!made.ok) return made;
    held.hold(environment, made.value);
    for (const one of made.value) log.warn(factsOf(one), `a kill is held here: the ${home} does not answer`);
    const isKept = (await within(DISK_TRY_MS, schedule, file.keep())) ?? false;
    const body: HeldView = {
      held: true,
      server: host,
      streams: delivery.streams(environment),
      ...environment,
      flags: made.value.map(({ flag }) => flag),
      at,
      kept: isKept,
      detail: heldDetail(home, isKept),
    };
    return accepted({ reply: { status: 202, etag: null, body }, replayed: false });
  }

  /** The flags to hold, all of which must be in the copy: in an emergency a slip must not pass for a kill. */
  #flagsOf({ environment, flags, tag }: AskedKill): Result<readonly string[]> {
    const { delivery, held, home } = this.#ports;
    if (flags === undefined || tag !== undefined) return unlessFaulty([tagUnknown(home)], () => []);
    const at = delivery.known(environment);
    if (at === undefined) return rejected(nothingHere(environment, home));
    const unknown = flags.find((flag) => !at.ruleset.flags.has(flag));
    if (unknown !== undefined) return rejected(flagNotFound(unknown));
    const known = new Set(held.of(environment).map(({ flag }) => flag));
    const current = held.count + new Set(flags.filter((flag) => !known.has(flag))).size;
    return current > HELD_KILLS_MAX ? rejected(tooMany(current)) : accepted([...new Set(flags)]);
  }

  /** @returns Whether it can be let go of: what streams are told is the truth after that. */
  async #settle(held: HeldKill): Promise<boolean> {
    const { settle, log } = this.#ports;
    const settled = await settle(held, async (run) => {
      this.#underWay.add(held);
      return run().finally(() => this.#underWay.delete(held));
    });
    if (settled === undefined) return false;
    const { outcome, at } = settled;
    if (at !== undefined && !(await this.#shows(held.environment, at))) return false;
    if (outcome === 'committed')
      log.info({ ...factsOf(held), revision: at?.revision }, 'a held kill is committed');
    else log.warn({ ...factsOf(held), why: outcome }, 'a held kill was dropped');
    return true;
  }

  /** Said once per outage: it is tried each second. */
  #fail(err: unknown): void {
    if (!this.#failing) this.#ports.log.warn({ err }, 'held kills are not committed yet');
    this.#failing = true;
  }

  /** Whether streams are at that revision of the database's history, or will be within moments. */
  async #shows(
    environment: EnvironmentRef,
    { epoch, revision }: NonNullable<Settled['at']>,
  ): Promise<boolean> {
    const { delivery } = this.#ports;
    const at = await delivery.ruleset(environment, revision).catch((cause: unknown) => {
      if (cause instanceof StorageFault) return { origin: undefined };
      throw cause;
    });
    return at === undefined || at.origin === epoch;
  }
}

/** The outcome, or the fault of a database that is away: full, or silent. Any other fault is thrown. */
async function committedOrAway<T>(outcome: Promise<T>): Promise<T | StorageFault> {
  return await outcome.catch((cause: unknown) => {
    if (cause instanceof StorageFault && cause.fault !== 'damaged') return cause;
    throw cause;
  });
}
