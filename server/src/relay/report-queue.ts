import type { Registry } from 'prom-client';
import { Counter, Gauge } from 'prom-client';
import type { EnvironmentRef } from '../environments/environment.ts';
import { nameOf } from '../environments/environment.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';
import type { Schedule } from '../platform/schedule.ts';
import type { Forwarded } from './report-bundle.ts';
import type { LanePace } from './report-lane.ts';
import { ReportLane } from './report-lane.ts';
import type { SendBundle } from './report-sender.ts';

/**
 * Reports of what was applied, without counts: an operator waits for them. So few go together that their bundle is
 * taken by a server that sheds reports, which takes the small ones still.
 */
const URGENT: LanePace = { gatherMs: 50, entriesMax: 64, bytesMax: 65_536 };

/** All other reports. */
const USUAL: LanePace = { gatherMs: 1_000, entriesMax: 500, bytesMax: 524_288 };

/** Characters of JSON that wait to be handed on. Beyond it instances are asked to keep their reports. */
export const WAITING_CHARACTERS_MAX = 16_777_216;

/** The longest that what waits holds up the end, in milliseconds. */
const FAREWELL_MS = 1_500;

export interface ReportQueueParts {
  /** Sends to the upstream of an environment; `undefined`: it is not followed. */
  readonly senderOf: (environment: EnvironmentRef) => SendBundle | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly schedule: Schedule;
  readonly log: Log;
  readonly metrics: Registry;
}

interface Lanes {
  readonly environment: EnvironmentRef;
  readonly urgent: ReportLane;
  readonly usual: ReportLane;
}

/** Reports that wait to be handed on, of all environments, in bounded room. */
export class ReportQueue {
  readonly #parts: ReportQueueParts;
  readonly #lanes = new Map<string, Lanes>();
  readonly #counts = { waiting: 0, taken: 0, dropped: 0 };
  /** Characters of room that are kept for what is on its way here. */
  #kept = 0;

  constructor(parts: ReportQueueParts) {
    this.#parts = parts;
    registerQueueMetrics(parts.metrics, this.#counts);
  }

  /** Those of which anything was told. */
  environments(): readonly EnvironmentRef[] {
    return [...this.#lanes.values()].map(({ environment }) => environment);
  }

  hasRoomFor(characters: number): boolean {
    return this.#counts.waiting + this.#kept + characters <= WAITING_CHARACTERS_MAX;
  }

  /** Keeps room for entries that come one by one. @returns Gives it back; `undefined`: there is none now. */
  keepRoomFor(characters: number): (() => void) | undefined {
    if (!this.hasRoomFor(characters)) return undefined;
    this.#kept += characters;
    return () => {
      this.#kept -= characters;
    };
  }

  /**
   * @param options.hasRoom - Whether room was kept for it.
   * @returns Whether it was taken.
   */
  add(
    environment: EnvironmentRef,
    entry: Forwarded,
    { isUrgent = false, hasRoom = false }: { readonly isUrgent?: boolean; readonly hasRoom?: boolean } = {},
  ): boolean {
    const lane = this.#lanesOf(environment)?.[isUrgent ? 'urgent' : 'usual'];
    if (lane === undefined || !(hasRoom || this.hasRoomFor(entry.json.length))) return false;
    this.#counts.waiting += entry.json.length;
    lane.add(entry);
    return true;
  }

  /** Hands on what waits, for at most 1.5 s; what is left then is told of, and lost. */
  async close(): Promise<void> {
    const { schedule, log } = this.#parts;
    const all = [...this.#lanes.values()].flatMap(({ urgent, usual }) => [urgent, usual]);
    const timeIsUp = new Promise<void>((resolve) => schedule.after(FAREWELL_MS, resolve));
    await Promise.race([Promise.all(all.map((lane) => lane.flush())), timeIsUp]);
    const left = all.reduce((sum, lane) => sum + lane.close(), 0);
    if (left > 0) log.warn({ reports: left }, 'reports were not handed on any more');
  }

  #lanesOf(environment: EnvironmentRef): Lanes | undefined {
    const name = nameOf(environment);
    const known = this.#lanes.get(name);
    const send = known === undefined ? this.#parts.senderOf(environment) : undefined;
    if (send === undefined) return known;
    const onDone = (entries: readonly Forwarded[], isTaken: boolean): void =>
      this.#settle(environment, entries, isTaken);
    const laneWith = (pace: LanePace): ReportLane => new ReportLane({ ...this.#parts, pace, send, onDone });
    const made = { environment, urgent: laneWith(URGENT), usual: laneWith(USUAL) };
    this.#lanes.set(name, made);
    return made;
  }

  #settle(environment: EnvironmentRef, entries: readonly Forwarded[], isTaken: boolean): void {
    for (const { json } of entries) this.#counts.waiting -= json.length;
    this.#counts[isTaken ? 'taken' : 'dropped'] += entries.length;
    if (!isTaken) this.#parts.log.warn(environment, 'the upstream cannot read a report; it is dropped');
  }
}

function registerQueueMetrics(
  registry: Registry,
  counts: { readonly waiting: number; readonly taken: number; readonly dropped: number },
): void {
  const registers = [registry];
  new Gauge({
    name: 'dimmer_relay_reports_waiting_characters',
    help: 'Characters of reports that wait to be handed on to the upstream.',
    registers,
    collect() {
      this.set(counts.waiting);
    },
  });
  new Counter({
    name: 'dimmer_relay_reports_total',
    help: 'Reports that the upstream has taken, and those that it could not read.',
    labelNames: ['outcome'],
    registers,
    collect() {
      this.reset();
      this.inc({ outcome: 'taken' }, counts.taken);
      this.inc({ outcome: 'dropped' }, counts.dropped);
    },
  });
}
