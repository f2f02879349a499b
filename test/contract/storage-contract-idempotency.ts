import { describe, expect, it } from 'vitest';
import { accepted, rejected } from '../../server/src/changes/result.ts';
import { commitDraft } from './draft-builder.ts';
import { observe } from './storage-observation.ts';
import type { Shop } from './storage-shop.ts';
import { SHOP } from './storage-shop.ts';
import { ACTOR, projectOf, REPLY, replyWith, requestOf } from './storage-subject.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** Idempotency: S8 to S10. */
export function describeIdempotency(shop: Shop): void {
  describe('idempotency', () => {
    const idempotency = { key: 'i1', fingerprint: 'f1' };
    const create = (parts = {}) =>
      shop.storage.transact(
        requestOf(
          SHOP,
          (world) => commitDraft(projectOf(world), ['production'], [{ type: 'flag', key: 'a' }]),
          {
            idempotency,
            ...parts,
          },
        ),
      );

    it('[S8] a repeat gets the stored reply and writes nothing', async () => {
      expect(await create()).toEqual(accepted({ reply: REPLY, replayed: false }));
      const before = await observe(shop.storage);
      expect(await create()).toEqual(accepted({ reply: REPLY, replayed: true }));
      expect(await observe(shop.storage)).toEqual(before);
    });

    it('[S8] a reply outlives the storage that gave it', async ({ skip }) => {
      if (shop.subject.reopen === undefined) return skip('data ends with this adapter');
      await create();
      await shop.subject.reopen();
      expect(await create()).toEqual(accepted({ reply: REPLY, replayed: true }));
    });

    it('[S8] a request that decides to write nothing keeps its reply too', async () => {
      const reply = replyWith({ nothing: ['to', 'do'] });
      const ask = () =>
        shop.storage.transact({
          project: SHOP,
          actor: ACTOR,
          idempotency,
          plan: () => accepted({ draft: null, reply }),
        });
      await ask();
      expect(await ask()).toEqual(accepted({ reply, replayed: true }));
    });

    it('[S9] the same key with another fingerprint is refused and runs no planner', async () => {
      await create();
      const before = await observe(shop.storage);
      const result = await create({
        idempotency: { key: 'i1', fingerprint: 'f2' },
        plan: () => expect.unreachable(),
      });
      expect(result).toMatchObject({ ok: false, rejection: { code: 'IDEMPOTENCY_KEY_REUSED' } });
      expect(await observe(shop.storage)).toEqual(before);
    });

    it('[S10] keys of different actors do not meet', async () => {
      await create();
      const other = await create({ actor: { id: 'k2', name: 'Bob' } });
      expect(other).toEqual(accepted({ reply: REPLY, replayed: false }));
    });

    it('[S10] a reply is kept for 24 hours and no longer', async () => {
      await create();
      shop.subject.clock.advance(DAY_MS - 1);
      expect(await create()).toMatchObject({ value: { replayed: true } });
      shop.subject.clock.advance(1);
      expect(await create()).toMatchObject({ value: { replayed: false } });
      expect(await create()).toMatchObject({ value: { replayed: true } });
    });

    it('[S10] pruning keeps replies that are younger than 24 hours', async () => {
      await create();
      shop.subject.clock.advance(DAY_MS - 1);
      await shop.storage.prune({ revisions: 0, days: 0 });
      expect(await create()).toMatchObject({ value: { replayed: true } });
    });

    it('[S10] a rejected request keeps no reply', async () => {
      const refusal = rejected({ code: 'IN_USE', detail: 'no' });
      await create({ plan: () => refusal });
      expect(await create()).toEqual(accepted({ reply: REPLY, replayed: false }));
    });
  });
}
