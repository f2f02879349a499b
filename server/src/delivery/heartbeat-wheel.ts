import type { Clock } from '../platform/clock.ts';
import type { Schedule } from '../platform/schedule.ts';

/** The longest time between two turns of the wheel, in milliseconds. */
export const SLOT_MS_MAX = 250;

/** Something that beats once per turn of the wheel. */
export interface Beating {
  /** @param now - Milliseconds since the Unix epoch. */
  heartbeat(now: number): void;
}

export interface HeartbeatWheel {
  /** Adds to the emptiest slot. @returns A function that takes it out again. */
  add(beating: Beating): () => void;
  close(): void;
}

/**
 * Spreads heartbeats evenly: each member beats once per `periodMs`, and no slot holds more than its share,
 * so that ten thousand streams never beat together.
 *
 * @param periodMs - Time between two heartbeats of one member, in milliseconds.
 */
export function createHeartbeatWheel(ports: {
  readonly schedule: Schedule;
  readonly clock: Clock;
  readonly periodMs: number;
}): HeartbeatWheel {
  const { schedule, clock, periodMs } = ports;
  const slots = Array.from({ length: slotsOf(periodMs) }, () => new Set<Beating>());
  let position = 0;

  const stop = schedule.every(periodMs / slots.length, () => {
    position = (position + 1) % slots.length;
    const now = clock.now();
    for (const beating of slots[position] ?? []) beating.heartbeat(now);
  });

  return {
    add: (beating) => {
      const slot = emptiestOf(slots);
      slot.add(beating);
      return () => slot.delete(beating);
    },
    close: stop,
  };
}

/** @example slotsOf(15_000) // 60 */
export function slotsOf(periodMs: number): number {
  return Math.max(1, Math.ceil(periodMs / SLOT_MS_MAX));
}

function emptiestOf(slots: readonly Set<Beating>[]): Set<Beating> {
  return slots.reduce((emptiest, slot) => (slot.size < emptiest.size ? slot : emptiest));
}
