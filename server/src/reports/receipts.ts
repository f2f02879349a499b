import type { ReceiptView } from '@dimmer/schema/rest';
import type { Result } from '../changes/result.ts';
import { accepted, mapResult, rejected } from '../changes/result.ts';
import type { EnvironmentRef } from '../environments/environment.ts';
import type { Clock } from '../platform/clock.ts';
import type { Schedule } from '../platform/schedule.ts';
import { readEnvironment } from '../rest/read-project.ts';
import { outsideHistory } from '../rest/resolve-point.ts';
import type { Storage } from '../storage/storage.ts';
import type { InstanceRegistry } from './instance-registry.ts';
import type { ReceiptSubject } from './receipt.ts';
import { heldReceiptOf, receiptOf } from './receipt.ts';

/** How often a waiting receipt is looked at, in milliseconds. Reports themselves wake nobody: they are many. */
const LOOK_MS = 50;

/** Makes receipts of revisions that the history still has. */
export interface Receipts {
  /** The receipt as it is now, or REVISION_NOT_FOUND. */
  now(environment: EnvironmentRef, revision: number): Promise<Result<ReceiptView>>;
  /** The receipt as soon as it is complete, or as it is after `waitMs`. */
  within(environment: EnvironmentRef, revision: number, waitMs: number): Promise<Result<ReceiptView>>;
  /**
   * The same for kills that this server holds, of the instances that it knows by itself: they have applied them when they
   * are where it shows its streams to be. It asks no database.
   */
  heldWithin(held: HeldSubject, waitMs: number): Promise<ReceiptView>;
}

/** What a receipt of held kills is about. */
export interface HeldSubject {
  readonly environment: EnvironmentRef;
  /** Where streams are shown to be now: it moves on when more is held, or it is committed. */
  readonly shown: () => Pick<ReceiptSubject, 'epoch' | 'revision'>;
  /** In milliseconds since the Unix epoch. */
  readonly heldAt: number;
}

/** @example createReceipts({ storage, registry, here, clock, schedule }).within(environment, 813, 2_000) */
export function createReceipts(ports: {
  readonly storage: Pick<Storage, 'read' | 'history'>;
  readonly registry: Pick<InstanceRegistry, 'present'>;
  /** The instances that speak to this server. */
  readonly here: Pick<InstanceRegistry, 'present'>;
  readonly clock: Clock;
  readonly schedule: Schedule;
}): Receipts {
  const { storage, registry, here, clock, schedule } = ports;

  const receipt = (environment: EnvironmentRef, subject: ReceiptSubject): ReceiptView =>
    receiptOf(subject, registry.present(environment), clock.now());

  async function whenComplete(look: () => ReceiptView, waitMs: number): Promise<ReceiptView> {
    let isOver = waitMs === 0;
    // A timer, not the clock, which may be set back.
    const cancel = schedule.after(waitMs, () => {
      isOver = true;
    });
    for (;;) {
      const soFar = look();
      if (soFar.complete || isOver) {
        cancel();
        return soFar;
      }
      await new Promise<void>((resolve) => {
        schedule.after(Math.min(LOOK_MS, waitMs), resolve);
      });
    }
  }

  return {
    now: async (environment, revision) =>
      mapResult(await subjectOf(storage, environment, revision), (subject) => receipt(environment, subject)),
    within: async (environment, revision, waitMs) => {
      const subject = await subjectOf(storage, environment, revision);
      if (!subject.ok) return subject;
      return accepted(await whenComplete(() => receipt(environment, subject.value), waitMs));
    },
    heldWithin: ({ environment, shown, heldAt }, waitMs) =>
      whenComplete(
        () => heldReceiptOf({ ...shown(), committedAt: heldAt }, here.present(environment), clock.now()),
        waitMs,
      ),
  };
}

async function subjectOf(
  storage: Pick<Storage, 'read' | 'history'>,
  ref: EnvironmentRef,
  revision: number,
): Promise<Result<ReceiptSubject>> {
  const state = await readEnvironment(storage, ref.project, ref.environment);
  if (!state.ok) return state;
  const query = { after: revision - 1, before: revision + 1, limit: 1 };
  const [change] = await storage.history(ref, query);
  if (change === undefined) return rejected(outsideHistory(revision, state.value));
  const { epoch } = state.value.environment;
  return accepted({ epoch, revision, committedAt: Date.parse(change.at) });
}
