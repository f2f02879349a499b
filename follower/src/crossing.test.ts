import type { Versioned } from '@dimmer/schema';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StreamMessage } from './event.ts';
import { a1, a2, b2, commit, goodbye, heartbeat, hello, live, put, Rig } from './rig.fixture.ts';
import { objectKey } from './snapshot.ts';

const kill = (message: StreamMessage<Versioned>): StreamMessage<Versioned> => ({
  ...message,
  ...(message.type === 'commit' && { kill: true }),
});

describe('a crossing', () => {
  test('[BG1] puts what follows on the snapshot, in another epoch, at whatever revision', () => {
    const rig = live().say(hello('delta', 1, 'held'), put(b2), kill(commit(1, a1, b2)));
    expect(rig.status).toBe('LIVE');
    expect(rig.effects).toMatchObject([
      { type: 'publish', publication: { kill: true, snapshot: { epoch: 'held', revision: 1 } } },
    ]);
    expect([...(rig.state.snapshot?.objects.keys() ?? [])]).toEqual(['flag/a', 'flag/b']);
    rig.say(heartbeat(1, a1, b2));
    expect([rig.status, rig.state.resyncs]).toEqual(['LIVE', 0]);
  });

  test('[BG1] of mode full starts from nothing', () => {
    const rig = live().say(hello('full', 7, 'held'), put(b2), commit(7, b2));
    expect(rig.state.snapshot).toMatchObject({ epoch: 'held', revision: 7 });
    expect([...(rig.state.snapshot?.objects.keys() ?? [])]).toEqual(['flag/b']);
  });

  test('[BG1] may lead back, to a lower revision too', () => {
    const rig = live().say(hello('delta', 5, 'held'), commit(5, a1), hello('delta', 2, 'e1'), put(b2));
    expect(rig.state.snapshot).toMatchObject({ epoch: 'held', revision: 5 });
    rig.say(commit(2, a1, b2));
    expect(rig.state.snapshot).toMatchObject({ epoch: 'e1', revision: 2 });
    expect([rig.status, rig.state.resyncs]).toEqual(['LIVE', 0]);
  });

  test('[BG1] takes no identity from the epoch before: equal versions may mean other things', () => {
    const killed = { ...a1, killed: true };
    const rig = live().say(hello('delta', 1, 'held'), put(killed), commit(1, a1));
    expect(rig.state.snapshot?.objects.get('flag/a')).toBe(killed);
  });

  test.each([
    ['its digest differs', [hello('delta', 1, 'held'), put(b2), commit(1, a1)]],
    ['it says that nothing follows', [hello('none', 1, 'held')]],
    ['it names the epoch that is here', [hello('delta', 2, 'e1')]],
    ['something is staged', [put(b2), hello('delta', 1, 'held')]],
    ['another one is under way', [hello('delta', 1, 'held'), hello('delta', 1, 'other')]],
  ])('[BG1] is distrusted where %s', (_why, messages) => {
    const rig = live();
    const before = rig.state.snapshot;
    rig.say(...messages);
    expect(rig.state.snapshot).toBe(before);
    expect([rig.status, rig.state.resync]).toEqual(['INTERRUPTED', true]);
  });

  test('[BG1] of a stream that is not live yet is distrusted', () => {
    const rig = new Rig().start().say(hello('full', 1), put(a1), hello('full', 1, 'held'));
    expect([rig.state.snapshot, rig.state.resync]).toEqual([null, true]);
  });

  test('[BG2] that breaks off leaves snapshot and cursor', () => {
    const rig = live();
    const before = rig.state.snapshot;
    rig.say(hello('delta', 1, 'held'), put(b2)).end();
    expect(rig.state.snapshot).toBe(before);
    rig.wait();
    expect(rig.effects).toEqual([{ type: 'connect', attempt: 2, cursor: { epoch: 'e1', revision: 1 } }]);
  });

  test('[BG2] before a goodbye leaves them too', () => {
    const rig = live()
      .pass(1_000)
      .say(hello('delta', 1, 'held'), goodbye(200));
    expect(rig.state.snapshot).toMatchObject({ epoch: 'e1', revision: 1 });
    expect([rig.delay, rig.state.resync]).toEqual([200, false]);
  });

  test('[BG1] any way through epochs ends with the objects of its last commit', () => {
    const steps = fc.array(
      fc.record({ crossing: fc.boolean(), key: fc.constantFrom('a', 'b', 'c'), removed: fc.boolean() }),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(steps, (list) => {
        const rig = live();
        const model = new Map<string, Versioned>([['flag/a', a1]]);
        let revision = 1;
        let epochs = 1;
        for (const { crossing, key, removed } of list) {
          revision += crossing ? 0 : 1;
          epochs += crossing ? 1 : 0;
          const object = { kind: 'flag', key, version: revision };
          if (removed) model.delete(objectKey(object));
          else model.set(objectKey(object), object);
          rig.say(
            ...(crossing ? [hello('delta', revision, `epoch${epochs}`)] : []),
            removed ? { type: 'delete', ...object } : put(object),
            commit(revision, ...model.values()),
          );
          expect(new Map([...(rig.state.snapshot?.objects ?? [])].sort())).toEqual(
            new Map([...model].sort()),
          );
        }
        expect([rig.status, rig.state.resyncs]).toEqual(['LIVE', 0]);
      }),
    );
  });
});

test('[BG1] after a crossing changes go on as ever', () => {
  const rig = live().say(hello('delta', 1, 'held'), commit(1, a1), put(a2), commit(2, a2));
  expect(rig.state.snapshot).toMatchObject({ epoch: 'held', revision: 2 });
  rig.end().wait();
  expect(rig.effects).toContainEqual({ type: 'connect', attempt: 2, cursor: { epoch: 'held', revision: 2 } });
});
