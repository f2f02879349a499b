import type { Clock } from '@dimmer/follower';
import type { Report, ReportBatch, ReportedInstance, ReportedStatus } from '@dimmer/schema';
import { AppliedRevisions } from './applied-revisions.ts';
import { atMost } from './at-most.ts';
import type { Counted } from './report-batches.ts';
import { batchesOf } from './report-batches.ts';
import type { ReportTiming } from './report-timing.ts';
import type { Sending, SendReport } from './report-transport.ts';
import type { UpdateProblem } from './update-problems.ts';
import { UpdateProblems } from './update-problems.ts';

/** The world as a reporter needs it. */
export interface ReporterPorts {
  readonly clock: Clock;
  readonly random: () => number;
  readonly newId: () => string;
  readonly timing: ReportTiming;
  readonly send: SendReport;
  readonly instance: Omit<ReportedInstance, 'runningMs'>;
  readonly status: () => Omit<ReportedStatus, 'clockOffsetMs'>;
  /** Takes what was counted since it was last asked. */
  readonly drain: () => Counted;
}

/** What a report was about. */
interface Told {
  readonly batch: ReportBatch | undefined;
  readonly state: string;
  readonly heard: () => void;
}

/** The longest wait that is asked for and obeyed, in milliseconds. */
const ASKED_MAX_MS = 3_600_000;

const NOTHING_GIVEN_UP = { exposures: 0, events: 0 };

/**
 * Tells the server who is here, what was applied and what was counted.
 *
 * One report is under way at a time. Counters are taken only once the batch before was heard: while the server
 * does not listen they stay where they are bounded, and what is repeated is one batch with one id. Failures
 * make it slower than its usual pace, never faster.
 */
export class Reporter {
  readonly #ports: ReporterPorts;
  readonly #startedAt: number;
  readonly #applied = new AppliedRevisions();
  readonly #problems = new UpdateProblems();
  #batches: readonly ReportBatch[] = [];
  /** Of batches that the server could not read. */
  #givenUp: Counted['dropped'] = NOTHING_GIVEN_UP;
  #clockOffsetMs: number | null = null;
  #failures = 0;
  #toldAt: number | undefined;
  #toldState: string | undefined;
  /** The server asked for silence until then; light reports are asked apart. */
  #quietUntil = 0;
  #lightQuietUntil = 0;
  /** Whether the next report leaves the counters here: small enough to be taken while others are refused. */
  #isLight = false;
  #due = Infinity;
  #cancel: (() => void) | undefined;
  #sending: Promise<void> | undefined;
  /** A report that is wanted at once was asked for while another one was under way. */
  #urgentAt: number | undefined;
  #closed = false;

  constructor(ports: ReporterPorts) {
    this.#ports = ports;
    this.#startedAt = ports.clock.now();
    this.#planNext();
  }

  /** Another revision is served. A kill is reported at once, the instances spread over a moment. */
  applied(
    step: { readonly epoch: string; readonly from: number; readonly revision: number },
    kill: boolean,
  ): void {
    const { clock, timing } = this.#ports;
    this.#applied.add({ ...step, at: clock.now() });
    if (kill) this.#hurry(timing.killSpreadMs);
  }

  /** Flags were killed on the way to another epoch, inside which no step counts: that is told at once too. */
  killed(): void {
    this.#hurry(this.#ports.timing.killSpreadMs);
  }

  /** An update was refused. Told with the next look, once: what hits everybody at once must not be a flood. */
  refused(problem: UpdateProblem): void {
    this.#problems.add(problem, this.#ports.clock.now());
  }

  /** In step with the server, for the first time or again: it may have forgotten this instance. */
  live(): void {
    this.#toldAt = undefined;
    this.#hurry(this.#ports.timing.liveSpreadMs);
  }

  /**
   * Ends, and settles within `farewellMs`.
   *
   * @param isHeard - Whether the server can be expected to hear a farewell, with what is left.
   */
  async close(isHeard: boolean): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancel?.();
    if (!isHeard) return;
    const { clock, timing } = this.#ports;
    const deadline = clock.now() + timing.farewellMs;
    const farewell = async (): Promise<void> => {
      await this.#sending;
      const leftMs = deadline - clock.now();
      if (leftMs > 0 && this.#failures === 0) await this.#sendOne(leftMs, false);
    };
    await atMost(timing.farewellMs, clock, farewell());
  }

  #hurry(spreadMs: number): void {
    const { clock, random } = this.#ports;
    const at = clock.now() + random() * spreadMs;
    if (this.#sending !== undefined) this.#urgentAt = Math.min(this.#urgentAt ?? Infinity, at);
    else this.#planLight(Math.min(at, this.#due));
  }

  #planNext(): void {
    const { clock, random, timing } = this.#ports;
    const backoffMs = Math.min(timing.everyMs * 2 ** this.#failures, timing.retryMaxMs);
    const usualMs = timing.everyMs * (0.8 + 0.4 * random());
    const delayMs = this.#failures === 0 ? usualMs : Math.max(usualMs, backoffMs * random());
    this.#planAt(Math.max(clock.now() + delayMs, this.#quietUntil));
  }

  #planLight(at: number): void {
    this.#isLight = true;
    this.#planAt(Math.max(at, this.#lightQuietUntil));
  }

  #planAt(at: number): void {
    if (this.#closed) return;
    const { clock } = this.#ports;
    this.#cancel?.();
    this.#due = at;
    this.#cancel = clock.after(Math.max(0, this.#due - clock.now()), () => this.#run());
  }

  #run(): void {
    this.#due = Infinity;
    this.#sending = this.#sendAll().finally(() => {
      this.#sending = undefined;
      const urgentAt = this.#urgentAt;
      this.#urgentAt = undefined;
      if (urgentAt === undefined) this.#planNext();
      else this.#planLight(urgentAt);
    });
  }

  /** Everything that there is to tell, one report after the other. */
  async #sendAll(): Promise<void> {
    const { timing } = this.#ports;
    const isLight = this.#isLight;
    this.#isLight = false;
    if (isLight) {
      await this.#sendOne(timing.timeoutMs, true);
      return;
    }
    if (!this.#hasNews()) return;
    do {
      const isTaken = await this.#sendOne(timing.timeoutMs, false);
      if (!isTaken) return;
    } while (this.#batches.length > 0 && !this.#closed);
  }

  /** @returns Whether the next one may follow at once. */
  async #sendOne(limitMs: number, isLight: boolean): Promise<boolean> {
    const { report, told } = this.#compose(isLight);
    const sending = await this.#ports.send(report, limitMs);
    if (sending.outcome === 'failed') this.#obey(sending.retryAfterMs, isLight);
    return this.#after(sending, told);
  }

  #obey(retryAfterMs: number, isLight: boolean): void {
    const until = this.#ports.clock.now() + Math.min(retryAfterMs, ASKED_MAX_MS);
    this.#quietUntil = until;
    if (isLight) this.#lightQuietUntil = until;
  }

  #compose(isLight: boolean): { readonly report: Report; readonly told: Told } {
    const { clock, instance, status } = this.#ports;
    if (!isLight) this.#take();
    const now = clock.now();
    const batch = isLight ? undefined : this.#batches[0];
    const steps = this.#applied.pending(now);
    const { problems, heard: heardProblems } = this.#problems.pending(now);
    const heard = (): void => {
      steps.heard();
      heardProblems();
    };
    const standing = { ...status(), clockOffsetMs: this.#clockOffsetMs };
    const report: Report = {
      instance: { ...instance, runningMs: now - this.#startedAt },
      status: standing,
      applied: steps.applied,
      ...(problems.length > 0 && { problems }),
      ...(batch !== undefined && { batch }),
    };
    return { report, told: { batch, state: standing.state, heard } };
  }

  #after(sending: Sending, { batch, state, heard }: Told): boolean {
    const { clock } = this.#ports;
    if (sending.outcome === 'failed') {
      this.#failures += 1;
      return false;
    }
    this.#failures = 0;
    heard();
    this.#batches = this.#batches.filter((waiting) => waiting !== batch);
    if (sending.outcome === 'unreadable' && batch !== undefined) this.#giveUp(batch);
    this.#toldAt = clock.now();
    this.#toldState = state;
    if (sending.outcome === 'taken') this.#clockOffsetMs = sending.clockOffsetMs ?? this.#clockOffsetMs;
    return true;
  }

  /** What it held is not told any more, but how much that was is. */
  #giveUp({ exposures, events, dropped }: ReportBatch): void {
    const counts = exposures.reduce((sum, { count }) => sum + count, 0);
    this.#givenUp = {
      exposures: this.#givenUp.exposures + counts + dropped.exposures,
      events: this.#givenUp.events + events.length + dropped.events,
    };
  }

  #hasNews(): boolean {
    this.#take();
    const { clock, status, timing } = this.#ports;
    if (this.#batches.length > 0 || this.#applied.size > 0 || this.#problems.size > 0) return true;
    if (this.#toldAt === undefined || status().state !== this.#toldState) return true;
    return clock.now() - this.#toldAt >= timing.idleMs;
  }

  /** Takes the counters, once everything that was taken before was heard. */
  #take(): void {
    if (this.#batches.length > 0) return;
    const counted = this.#ports.drain();
    const dropped = {
      exposures: counted.dropped.exposures + this.#givenUp.exposures,
      events: counted.dropped.events + this.#givenUp.events,
    };
    this.#givenUp = NOTHING_GIVEN_UP;
    this.#batches = batchesOf({ ...counted, dropped }, this.#ports.newId);
  }
}
