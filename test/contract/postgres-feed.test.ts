import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Storage } from '../../server/src/storage/storage.ts';
import type { SeededRandom } from '../faults/seeded-random.ts';
import { seededRandom, seedOf } from '../faults/seeded-random.ts';
import { commitDraft, projectDraft } from './draft-builder.ts';
import { postgresMissing } from './postgres-database.ts';
import { PostgresServers } from './postgres-servers.ts';
import { PRODUCTION, SHOP } from './storage-shop.ts';
import { projectOf, write } from './storage-subject.ts';

const WRITERS = 16;
const COMMITS_EACH = Number(process.env['DIMMER_TEST_ROUNDS'] ?? 15);
const PAUSE_MAX_MS = 8;

describe.skipIf(postgresMissing !== undefined)(`the feed under many writers${postgresMissing ?? ''}`, () => {
  const servers = new PostgresServers();
  beforeEach(() => servers.begin());
  afterEach(() => servers.end());
  afterAll(() => servers.drop());

  test('[PG2] a reader that follows 16 writers of two servers sees every revision, in order, and each once (ORD-2)', async () => {
    const [one, other] = [await servers.start(), await servers.start()];
    await write(one, null, () => projectDraft(SHOP, ['production', 'staging']));
    const random = seededRandom(seedOf(process.env['DIMMER_FAULT_SEED']));
    let isWriting = true;
    const reader = follow(other, () => isWriting);
    await Promise.all(
      Array.from({ length: WRITERS }, (_, writer) =>
        commitMany(writer % 2 === 0 ? one : other, writer, random.fork(String(writer))),
      ),
    );
    isWriting = false;
    const committed = WRITERS * COMMITS_EACH;
    expect(await reader).toEqual(Array.from({ length: committed }, (_, index) => index + 1));
    for (const storage of [one, other]) {
      const state = await storage.read(SHOP);
      expect(state?.environments.get('production')?.revision).toBe(committed);
      expect(state?.flags.size).toBe(WRITERS);
    }
  }, 600_000);
});

/** Each commits a flag of its own; a random pause between lets the writers overtake each other. */
async function commitMany(storage: Storage, writer: number, random: SeededRandom): Promise<void> {
  for (let index = 0; index < COMMITS_EACH; index += 1) {
    await write(storage, SHOP, (world) =>
      commitDraft(
        projectOf(world),
        ['production'],
        [{ type: 'flag', key: `flag-${writer}`, enabled: index % 2 === 0 }],
      ),
    );
    await pause(random.between(0, PAUSE_MAX_MS));
  }
}

/** Reads what is new again and again, as delivery does: only above the last revision that was seen. */
async function follow(storage: Storage, isWriting: () => boolean): Promise<readonly number[]> {
  const seen: number[] = [];
  for (let isLast = false; ; ) {
    const changes = await storage.changesAfter(PRODUCTION, seen.at(-1) ?? 0, 100);
    seen.push(...changes.map(({ revision }) => revision));
    if (isLast && changes.length === 0) return seen;
    // One more look after the last write.
    isLast = !isWriting();
    if (changes.length === 0) await pause(1);
  }
}
