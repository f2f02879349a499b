import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { accepted, rejected } from '../../server/src/changes/result.ts';
import { IN_FLIGHT } from '../../server/src/storage/idempotency.ts';
import type { Listening } from '../../server/src/storage/postgres/commit-watch.ts';
import type { Storage } from '../../server/src/storage/storage.ts';
import { aDraft, aKey, anEnvironment, aProject, commitDraft, projectDraft } from './draft-builder.ts';
import { postgresMissing } from './postgres-database.ts';
import { PostgresServers } from './postgres-servers.ts';
import { observe } from './storage-observation.ts';
import { SHOP } from './storage-shop.ts';
import { ACTOR, projectOf, REPLY, requestOf, write } from './storage-subject.ts';

const WAIT = { timeout: 40_000, interval: 20 };

describe.skipIf(postgresMissing !== undefined)(`several servers${postgresMissing ?? ''}`, () => {
  const servers = new PostgresServers();
  let one: Storage;
  let other: Storage;

  beforeEach(async () => {
    await servers.begin();
    [one, other] = [await servers.start(), await servers.start()];
    await write(one, null, () => projectDraft(SHOP, ['production', 'staging']));
  });
  afterEach(() => servers.end());
  afterAll(() => servers.drop());

  const commit = (storage: Storage, key: string, environments = ['production']) =>
    write(storage, SHOP, (world) => commitDraft(projectOf(world), environments, [{ type: 'flag', key }]));

  test('[PG1] what one server acknowledged, the next request to another sees', async () => {
    for (const [writer, reader, key] of [
      [one, other, 'a'],
      [other, one, 'b'],
      [one, other, 'c'],
    ] as const) {
      await commit(writer, key);
      expect((await reader.read(SHOP))?.flags.has(key)).toBe(true);
    }
    await write(one, null, () => aDraft({ keys: [aKey('one')] }));
    expect(await other.keys()).toEqual([aKey('one')]);
    await write(other, null, () => aDraft({ project: aProject('blog'), revokedKeys: ['one'] }));
    expect(await one.keys()).toEqual([]);
    expect((await one.projects()).map(({ key }) => key)).toEqual([SHOP, 'blog']);
    await one.prune({ revisions: 1, days: 0 });
    expect((await other.read(SHOP))?.environments.get('production')?.historyFloor).toBe(2);
    expect(await observe(other)).toEqual(await observe(one));
  });

  test('[PG3] a planner sees what another server wrote before it, and state in memory goes by the rows', async () => {
    await commit(one, 'a');
    await commit(other, 'b');
    await write(other, SHOP, () => aDraft({ project: aProject(SHOP, 'Renamed') }));
    await write(other, SHOP, () => aDraft({ environments: [anEnvironment('preview')] }));
    const seen: unknown[] = [];
    await write(one, SHOP, (world) => {
      const project = projectOf(world);
      seen.push([...project.flags.keys()], project.project.name, [...project.environments.keys()]);
      return null;
    });
    expect(seen).toEqual([['a', 'b'], 'Renamed', ['production', 'staging', 'preview']]);
    expect(await one.read(SHOP)).toEqual(await other.read(SHOP));
  });

  test('[PG3] many servers that count up one number through their planners lose no count', async () => {
    const count = (storage: Storage) =>
      write(storage, SHOP, (world) => {
        const { project } = projectOf(world);
        return aDraft({ project: { ...project, version: project.version + 1 } });
      });
    // Ten at once: a machine that is busy commits one in some tenths of a second, and the last may wait for 2 s.
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(Array.from({ length: 10 }, (_, index) => count(index % 3 === 0 ? one : other)));
    }
    expect((await one.read(SHOP))?.project.version).toBe(31);
    expect((await other.projects())[0]?.version).toBe(31);
  });

  test('[PG4] a writer of one project waits for none of another', async () => {
    await write(one, null, () => projectDraft('blog', ['production']));
    const { release } = await holdProject(SHOP);
    try {
      await write(other, 'blog', (world) =>
        commitDraft(projectOf(world), ['production'], [{ type: 'flag', key: 'a' }]),
      );
    } finally {
      await release();
    }
    expect((await one.read('blog'))?.flags.size).toBe(1);
  });

  test('[PG7] a writer that cannot have its lock is told so in time, and readers wait for no lock', async () => {
    const { release } = await holdProject(SHOP);
    try {
      const writing = commit(one, 'a').catch((error: unknown) => error);
      expect((await other.read(SHOP))?.flags.size).toBe(0);
      expect(await writing).toMatchObject({ name: 'StorageFault', fault: 'unavailable' });
    } finally {
      await release();
    }
    await commit(one, 'a');
    expect((await other.read(SHOP))?.flags.size).toBe(1);
  });

  test('[PG5] one Idempotency-Key sent to two servers at once is carried out once', async () => {
    const idempotency = { key: 'i1', fingerprint: 'f1' };
    const draft = (world: Parameters<typeof projectOf>[0]) =>
      commitDraft(projectOf(world), ['production'], [{ type: 'flag', key: 'a' }]);
    const ask = (storage: Storage) => storage.transact(requestOf(SHOP, draft, { idempotency }));
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, (_, index) => ask(index % 2 === 0 ? one : other)),
    );
    expect(outcomes.filter((outcome) => outcome.ok && !outcome.value.replayed)).toHaveLength(1);
    const refused = outcomes.filter(({ ok }) => !ok);
    expect(refused).toEqual(refused.map(() => rejected(IN_FLIGHT)));
    for (const storage of [one, other]) {
      expect(await ask(storage)).toEqual(accepted({ reply: REPLY, replayed: true }));
    }
    expect((await one.read(SHOP))?.environments.get('production')?.revision).toBe(1);
  });

  test('[PG5] while one server has not committed, another refuses the key at once and waits for no lock, and takes other keys', async () => {
    const idempotency = { key: 'i1', fingerprint: 'f1' };
    const ask = (storage: Storage, parts = {}) =>
      storage.transact({
        project: SHOP,
        actor: ACTOR,
        idempotency,
        plan: () => accepted({ draft: null, reply: REPLY }),
        ...parts,
      });
    await write(one, null, () => projectDraft('blog', ['production']));
    const waiting = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    const heldUp = async () => {
      const { release } = await holdProject(SHOP);
      const first = ask(one).catch((fault: unknown) => fault);
      await vi.waitFor(async () => expect(await servers.database.query(waiting)).toHaveLength(1), WAIT);
      const others = [
        await ask(other),
        await ask(other, { idempotency: { ...idempotency, fingerprint: 'f2' } }),
        await ask(other, { project: null }),
        await ask(other, { project: 'blog', idempotency: { ...idempotency, key: 'i2' } }),
      ];
      await release();
      return { first: await first, others };
    };
    // Once more, where the machine let the first wait until it was given up.
    let held = await heldUp();
    while (held.first instanceof Error) held = await heldUp();
    const refused = rejected(IN_FLIGHT);
    expect(held.others).toEqual([refused, refused, refused, expect.objectContaining({ ok: true })]);
    expect(held.first).toEqual(accepted({ reply: REPLY, replayed: false }));
    expect(await ask(other)).toEqual(accepted({ reply: REPLY, replayed: true }));
  });

  test('[PG5] one Idempotency-Key for two requests at once, of different projects, is refused to the second', async () => {
    await write(one, null, () => projectDraft('blog', ['production']));
    const outcomes = await Promise.all(
      [SHOP, 'blog'].map((project, index) =>
        (index === 0 ? one : other).transact({
          project,
          actor: ACTOR,
          idempotency: { key: 'i1', fingerprint: project },
          plan: () => accepted({ draft: null, reply: REPLY }),
        }),
      ),
    );
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1);
    // The first of the two may have ended or not when the second asks.
    expect(outcomes.find(({ ok }) => !ok)).toMatchObject({
      rejection: { code: expect.stringMatching(/^(IDEMPOTENCY_KEY_REUSED|REQUEST_IN_FLIGHT)$/) },
    });
  });

  describe('commit hints', () => {
    const heardBy = (storage: Storage): string[] => {
      const heard: string[] = [];
      storage.onCommit(({ environment }, revision) => heard.push(`${environment} ${revision}`));
      return heard;
    };

    test('[PG11] a commit of one server is announced by the others, once, when it can be read', async () => {
      const reads: Promise<unknown>[] = [];
      const [atOne, atOther] = [heardBy(one), heardBy(other)];
      other.onCommit(() => reads.push(other.read(SHOP)));
      await commit(one, 'a', ['production', 'staging']);
      expect(atOne).toEqual(['production 1', 'staging 1']);
      await vi.waitFor(() => expect(new Set(atOther)).toEqual(new Set(['production 1', 'staging 1'])), WAIT);
      expect(await reads[0]).toMatchObject({ flags: new Map([['a', expect.anything()]]) });
      await commit(other, 'b');
      await vi.waitFor(() => expect(atOne.at(-1)).toBe('production 2'), WAIT);
      expect([atOne.length, atOther.length]).toEqual([3, 3]);
    });

    test('[PG11] without notifications, commits of others are found all the same', async () => {
      const deaf = await servers.start({ listens: false });
      const heard = heardBy(deaf);
      await commit(one, 'a');
      await vi.waitFor(() => expect(heard).toEqual(['production 1']), WAIT);
      await write(one, null, () => projectDraft('blog', ['production']));
      await write(one, 'blog', (world) =>
        commitDraft(projectOf(world), ['production'], [{ type: 'flag', key: 'a' }]),
      );
      await vi.waitFor(() => expect(heard).toEqual(['production 1', 'production 1']), WAIT);
    });

    test('[PG12] a listener that is killed listens again, tells of both, and misses nothing', async () => {
      const told: boolean[] = [];
      const third = await servers.start({
        onListening: ({ isListening }: Listening) => told.push(isListening),
      });
      const heard = heardBy(third);
      await vi.waitFor(() => expect(told.at(-1)).toBe(true), WAIT);
      const toldBefore = told.length;
      await servers.database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and application_name = 'dimmer'`,
      );
      await vi.waitFor(() => commit(one, 'a'), WAIT);
      await vi.waitFor(() => expect(heard).toContain('production 1'), WAIT);
      // On a busy machine an echo may be a second late: that is told as well.
      await vi.waitFor(() => expect(told.slice(toldBefore)).toContain(false), WAIT);
      await vi.waitFor(() => expect(told.at(-1)).toBe(true), WAIT);
      await commit(one, 'b');
      await vi.waitFor(() => expect(heard.at(-1)).toBe('production 2'), WAIT);
    });
  });

  /** Another session that holds the row of a project. */
  async function holdProject(key: string) {
    const holder = await servers.database.session();
    await holder.query('begin');
    await holder.query('select 1 from projects where key = $1 for update', [key]);
    return {
      release: async () => {
        await holder.query('rollback');
        await holder.end();
      },
    };
  }
});
