import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createTestDatabase, postgresMissing, type TestDatabase } from '../contract/postgres-database.ts';
import type { Failpoints } from '../faults/failpoints.ts';
import { seededRandom, seedOf } from '../faults/seeded-random.ts';
import { createServerProcess, type ServerProcess } from '../faults/server-process.ts';
import { ask, PRODUCTION, PROJECT, told } from './fleet.ts';

const WAIT = { timeout: 40_000, interval: 50 };
const EDITORS = 50;
const FLAG = `${PRODUCTION}/flags/checkout`;

/** How often a request is cut off, and how often its server is killed, at a random moment; raise it for a long run. */
const ROUNDS = Number(process.env['DIMMER_TEST_ROUNDS'] ?? 3);
/** A write is answered in less, mostly: moments before, amid and behind it are hit. */
const MOMENT_MAX_MS = 40;

describe.skipIf(postgresMissing !== undefined)(
  `writes through two servers on one PostgreSQL ${postgresMissing ?? ''}`,
  () => {
    let database: TestDatabase;
    let one: ServerProcess;
    let other: ServerProcess;
    const random = seededRandom(seedOf(process.env['DIMMER_FAULT_SEED']));

    beforeAll(async () => {
      database = await createTestDatabase();
      one = await createServerProcess(database.url);
      other = await createServerProcess(database.url);
      await one.start();
      await other.start();
      await told(one, `POST ${PROJECT}/flags`, { json: { key: 'checkout' } });
    });
    afterAll(async () => {
      await Promise.all([one, other].map((server) => server.end('SIGTERM')));
      await database.drop();
    });

    test('[PG5] [A60] a server killed behind the commit and before the answer: another answers the repeated request as the first would have (DUR-8)', async () => {
      const failing = await createServerProcess(database.url, {}, {});
      await failing.start();
      try {
        for (const by of ['throw', 'kill'] as const) {
          const key = keyOfNext();
          const before = await revision();
          await failing.arm({ reply: by } satisfies Failpoints);
          const first = await write(failing, key);
          expect(first?.status).toBe(by === 'kill' ? undefined : 500);
          if (by === 'kill') expect(await failing.ended()).toBe('SIGKILL');
          expect(await revision()).toBe(before + 1);
          await expectReplayed(key, before + 1);
          expect(await write(one, key)).toEqual(await write(other, key));
          expect(await revision()).toBe(before + 1);
        }
      } finally {
        await failing.end('SIGKILL');
      }
    });

    test(
      `[PG5] [A60] ${ROUNDS} connections cut and ${ROUNDS} servers killed at any moment of a request: repeated at another server it is one revision (DUR-8)`,
      async () => {
        for (let round = 0; round < 2 * ROUNDS; round += 1) {
          const isKilled = round % 2 === 0;
          const key = keyOfNext();
          const before = await revision();
          const cut = new AbortController();
          const first = write(one, key, { signal: cut.signal });
          await new Promise((resolve) => setTimeout(resolve, random.between(0, MOMENT_MAX_MS)));
          if (isKilled) await one.end('SIGKILL');
          cut.abort();
          const answered = await first;
          const repeated = await vi.waitFor(async () => {
            const answer = await write(other, key);
            expect(answer?.status).toBe(200);
            return answer;
          }, WAIT);
          if (answered !== undefined) expect(repeated?.body).toBe(answered.body);
          if (isKilled) await one.start();
          await expectReplayed(key, before + 1);
          expect(await revision()).toBe(before + 1);
        }
      },
      60_000 + 2 * ROUNDS * 10_000,
    );

    test('[PG5] [A61] while one server still writes, it and another refuse a repeat in the same words, and afterwards both give the one answer (DUR-8)', async () => {
      const before = await revision();
      const { key, first, here, there, waiting } = await writeHeldUp();
      expect(here).toMatchObject({ status: 409, body: expect.stringContaining('REQUEST_IN_FLIGHT') });
      expect(there).toEqual({ ...here, body: there?.body });
      expect(withoutId(there?.body)).toEqual(withoutId(here?.body));
      expect(waiting).toBe(1);
      expect(first).toMatchObject({ status: 200, replayed: false });
      for (const server of [one, other]) {
        expect(await write(server, key)).toEqual({ ...first, replayed: true });
      }
      expect(await revision()).toBe(before + 1);
    });

    test('[A23] of fifty editors at two servers one wins each version, the others are told, and no edit is lost (DUR-9)', async () => {
      const first = await revision();
      const waiting = new Map(Array.from({ length: EDITORS }, (_, index) => [`user-${index}`, index]));
      while (waiting.size > 0) {
        const shown = await ask(one, `GET ${FLAG}`);
        const headers = { 'if-match': shown.headers.get('etag') ?? '' };
        const flag = (await shown.json()) as { targets: { values: string[] }[] };
        const written = await Promise.all(
          [...waiting].map(async ([user, index]) => {
            const targets = [{ variation: 'on', values: [...valuesOf(flag), user] }];
            const server = index % 2 === 0 ? one : other;
            const answer = await ask(server, `PUT ${FLAG}`, { json: { ...flag, targets }, headers });
            await answer.body?.cancel();
            return { user, status: answer.status };
          }),
        );
        const winners = written.filter(({ status }) => status === 200);
        expect(winners, JSON.stringify(written)).toHaveLength(1);
        expect(written.filter(({ status }) => status === 412)).toHaveLength(waiting.size - 1);
        for (const { user } of winners) waiting.delete(user);
      }
      const last = await told<{ targets: { values: string[] }[] }>(other, `GET ${FLAG}`);
      expect(new Set(valuesOf(last)).size).toBe(EDITORS);
      expect(await revision()).toBe(first + EDITORS);
    }, 240_000);

    test('[A23] without a version an edit is refused by both, and a kill is taken from any version and done once (DUR-9)', async () => {
      const flag = await told<object>(one, `GET ${FLAG}`);
      for (const server of [one, other]) {
        expect((await ask(server, `PUT ${FLAG}`, { json: flag })).status).toBe(428);
      }
      const before = await revision();
      const kills = await Promise.all(
        [one, other, one, other].map((server) =>
          ask(server, `POST ${FLAG}/kill`, { json: { reason: 'x' }, headers: { 'if-match': '"1"' } }),
        ),
      );
      expect(kills.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
      expect(await revision()).toBe(before + 1);
    });

    /** A write that waits for a lock, and the same asked of both servers meanwhile; another, where the machine let it wait until it was given up. */
    async function writeHeldUp() {
      for (;;) {
        const key = keyOfNext();
        const session = await database.session();
        await session.query('begin');
        await session.query('select from projects for update');
        const writing = write(one, key);
        await vi.waitFor(async () => expect((await locksWaitedFor()).length).toBe(1), WAIT);
        const [here, there] = [await write(one, key), await write(other, key)];
        const waiting = (await locksWaitedFor()).length;
        await session.query('rollback');
        await session.end();
        const first = await writing;
        if (first?.status !== 503) return { key, first, here, there, waiting };
      }
    }

    let keys = 0;
    function keyOfNext(): string {
      keys += 1;
      return `key-${keys}`;
    }

    /** The newest, as the server tells it that is never killed. */
    async function revision(): Promise<number> {
      const { items } = await told<{ items: { revision: number }[] }>(
        other,
        `GET ${PRODUCTION}/revisions?limit=1`,
      );
      return items[0]?.revision ?? 0;
    }

    /** The write of this key was made as this revision; with another body the key is refused, and nothing happens. */
    async function expectReplayed(key: string, made: number): Promise<void> {
      const replayed = await write(other, key);
      expect(replayed).toMatchObject({ status: 200, replayed: true });
      expect(JSON.parse(replayed?.body ?? '')).toMatchObject({ revision: made });
      expect(await write(other, key, { marker: 'other' })).toMatchObject({
        status: 422,
        body: expect.stringContaining('IDEMPOTENCY_KEY_REUSED'),
      });
    }

    function locksWaitedFor(): Promise<readonly unknown[]> {
      return database.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
    }
  },
);

function valuesOf({ targets }: { readonly targets: readonly { readonly values: readonly string[] }[] }) {
  return targets[0]?.values ?? [];
}

/** A problem document but for the id of its request. */
function withoutId(body = ''): object {
  return { ...(JSON.parse(body) as object), instance: '' };
}

/** @returns `undefined` where no answer came. */
async function write(
  server: ServerProcess,
  key: string,
  { marker = key, signal }: { readonly marker?: string; readonly signal?: AbortSignal } = {},
) {
  const rules = [{ id: marker, when: { all: [] }, serve: { variation: 'on' } }];
  try {
    const response = await fetch(`${server.url}${PRODUCTION}/changes`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${server.adminKey}`,
        'content-type': 'application/json',
        'idempotency-key': key,
      },
      body: JSON.stringify({
        edits: [{ edit: 'patchConfiguration', flag: 'checkout', patch: { enabled: true, rules } }],
      }),
      ...(signal !== undefined && { signal }),
    });
    const replayed = response.headers.get('idempotency-replayed') === 'true';
    return { status: response.status, body: await response.text(), replayed };
  } catch {
    return undefined;
  }
}
