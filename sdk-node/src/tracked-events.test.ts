import { expect, test } from 'vitest';
import { TrackedEvents } from './tracked-events.ts';

const at = new Date(0);

test('[N33] of the context only the targeting key is kept', () => {
  const events = new TrackedEvents(10);
  events.add('bought', { targetingKey: 'user-1', email: 'a@example.org' }, { value: 3 }, at);
  events.add('seen', {}, {}, at);
  expect(events.drain().events).toEqual([
    { name: 'bought', at: '1970-01-01T00:00:00.000Z', targetingKey: 'user-1', details: { value: 3 } },
    { name: 'seen', at: '1970-01-01T00:00:00.000Z', details: {} },
  ]);
});

test('[N31] events beyond the limit are dropped and counted', () => {
  const events = new TrackedEvents(2);
  for (let i = 0; i < 5; i += 1) events.add('bought', {}, {}, at);
  expect(events.totals()).toEqual({ buffered: 2, dropped: 3 });
  expect(events.drain()).toMatchObject({ dropped: 3 });
  expect(events.totals()).toEqual({ buffered: 0, dropped: 0 });
});

test('[N1] a context that throws when it is read loses its key only', () => {
  const events = new TrackedEvents(2);
  const context = {
    get targetingKey(): string {
      throw new Error('trap');
    },
  };
  events.add('bought', context, {}, at);
  expect(events.drain().events).toEqual([{ name: 'bought', at: at.toISOString(), details: {} }]);
});
