import type { Versioned } from '@dimmer/schema';
import { digestOfAll } from '@dimmer/schema';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { StreamMessage } from './event.ts';
import type { Happening } from './rig.fixture.ts';
import { effectsOf, plainStep } from './rig.fixture.ts';
import type { Snapshot } from './snapshot.ts';
import type { FollowerState } from './state.ts';
import { deadlineOf, initialState, statusOf } from './state.ts';
import type { Model, ModelEdit } from './stream.arbitrary.ts';
import { applyEdit, arbitraryEdits, arbitraryMessage } from './stream.arbitrary.ts';

const arbitraryHappening: fc.Arbitrary<(attempt: number) => Happening> = fc.oneof(
  { weight: 12, arbitrary: arbitraryMessage.map((value) => (attempt: number) => said(attempt, value)) },
  fc.constant((attempt: number) => ({
    type: 'message' as const,
    attempt,
    decoded: { outcome: 'malformed' as const, problem: 'garbage' },
    size: 7,
  })),
  fc.nat(700).map((status) => (attempt: number) => ({
    type: 'ended' as const,
    attempt,
    end: { message: 'cut', status },
  })),
  fc.double().map((delayMs) => (attempt: number) => ({ type: 'retry' as const, attempt, delayMs })),
  { weight: 8, arbitrary: fc.constant(() => ({ type: 'tick' as const })) },
);

const arbitraryHistory = fc.array(
  fc.record({ happening: arbitraryHappening, random: fc.double({ min: 0, max: 0.999, noNaN: true }) }),
  { maxLength: 60 },
);

test('[F13] [F23] no sequence of messages throws, lowers the revision or shows half of a change', () => {
  fc.assert(
    fc.property(arbitraryHistory, (history) => {
      let state = started();
      let now = 0;
      for (const { happening, random } of history) {
        const next = happening(state.attempt);
        if (next.type === 'tick') now = Math.max(now, deadlineOf(state));
        const before = state;
        state = plainStep(state, next, { now, random });
        expectOrderly(before.snapshot, state.snapshot);
        const deadline = deadlineOf(state);
        expect(deadline).toSatisfy(Number.isFinite);
        const published = effectsOf(before, state, next).filter(({ type }) => type === 'publish');
        expect(published.length).toBe(before.snapshot === state.snapshot ? 0 : 1);
      }
    }),
    { numRuns: 400 },
  );
});

test('[F30] between two attempts there is always a disconnect', () => {
  fc.assert(
    fc.property(arbitraryHistory, (history) => {
      let state = started();
      let open = 1;
      let now = 0;
      for (const { happening, random } of history) {
        const next = happening(state.attempt);
        if (next.type === 'tick') now = Math.max(now, deadlineOf(state));
        const before = state;
        state = plainStep(state, next, { now, random });
        for (const { type } of effectsOf(before, state, next)) {
          if (type === 'connect') open += 1;
          if (type === 'disconnect') open -= 1;
          expect(open).toBeGreaterThanOrEqual(0);
          expect(open).toBeLessThanOrEqual(1);
        }
      }
    }),
  );
});

test('[F17] any split of a change list gives the same snapshot', () => {
  const split = fc.infiniteStream(fc.boolean());
  fc.assert(
    fc.property(arbitraryEdits, split, (edits, commitHere) => {
      const { model, messages } = told(edits, commitHere);
      let state = started();
      const revision = edits.length;
      const full: StreamMessage<Versioned> = {
        type: 'hello',
        protocol: 1,
        epoch: 'e1',
        revision: 0,
        mode: 'full',
        heartbeatMs: 15_000,
      };
      for (const message of [full, commitOf(0, new Map()), ...messages]) {
        state = plainStep(state, said(state.attempt, message), { now: 0, random: 0 });
      }
      expect(statusOf(state)).toBe('LIVE');
      expect(state.snapshot?.revision).toBe(revision);
      expect(new Map([...(state.snapshot?.objects ?? [])].sort())).toEqual(new Map([...model].sort()));
      expect(state.snapshot?.digest).toBe(digestOfAll(model.values()));
    }),
  );
});

test('the state that a step was given is never changed', () => {
  fc.assert(
    fc.property(arbitraryHistory, (history) => {
      let state = started();
      for (const { happening, random } of history) {
        const moment = { now: 0, random };
        const once = plainStep(state, happening(state.attempt), moment);
        const again = plainStep(state, happening(state.attempt), moment);
        expect(again).toEqual(once);
        state = once;
      }
    }),
  );
});

function started(): FollowerState<Versioned> {
  const moment = { now: 0, random: 0 };
  return plainStep(initialState<Versioned>(), { type: 'start', stored: null }, moment);
}

function said(attempt: number, value: StreamMessage<Versioned>): Happening {
  return { type: 'message', attempt, decoded: { outcome: 'decoded', value }, size: 1 };
}

function expectOrderly(before: Snapshot<Versioned> | null, after: Snapshot<Versioned> | null): void {
  if (before === after) return;
  expect(after).not.toBeNull();
  if (before !== null && after !== null && before.epoch === after.epoch) {
    expect(after.revision).toBeGreaterThanOrEqual(before.revision);
  }
  expect(digestOfAll(after?.objects.values() ?? [])).toBe(after?.digest);
}

/** The messages that tell of edits, with a commit after some of them and after the last. */
function told(
  edits: readonly ModelEdit[],
  commitHere: Iterator<boolean>,
): { readonly model: Model; readonly messages: readonly StreamMessage<Versioned>[] } {
  let model: Model = new Map();
  const messages: StreamMessage<Versioned>[] = [];
  for (const [index, edit] of edits.entries()) {
    const revision = index + 1;
    const result = applyEdit(model, edit, revision);
    model = result.model;
    messages.push(result.message);
    const last = revision === edits.length;
    if (last || commitHere.next().value === true) messages.push(commitOf(revision, model));
  }
  return { model, messages };
}

function commitOf(revision: number, model: Model): StreamMessage<Versioned> {
  return {
    type: 'commit',
    revision,
    digest: digestOfAll(model.values()),
    committedAt: '2026-11-21T00:00:00.000Z',
  };
}
