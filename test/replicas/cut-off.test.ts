import { setTimeout as sleep } from 'node:timers/promises';
import { Dimmer, type DimmerOptions, type DimmerStatus } from '@dimmer/node';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Platform, systemPlatform } from '../../sdk-node/src/platform.ts';
import { createTestDatabase, postgresMissing, type TestDatabase } from '../contract/postgres-database.ts';
import { createPostgresProxy, type PostgresProxy } from '../contract/postgres-proxy.ts';
import { startStopwatch } from '../faults/processor-wait.ts';
import type { ServerProcess } from '../faults/server-process.ts';
import { ask, openEvents, PRODUCTION, PROJECT, startFleet, told, touch } from './fleet.ts';

/** With `DIMMER_TEST_REAL_TIME=1` ten minutes, with the heartbeats and the patience that are shipped; prints what it measures. */
const REAL_TIME = process.env['DIMMER_TEST_REAL_TIME'] === '1';
/** One second here stands for so many. A server that has its database may be a second late with looking at it. */
const SCALE = REAL_TIME ? 1 : 15;
/** The shorter one is long enough for three searches. */
const CUT_OFF_MS = REAL_TIME ? 600_000 : 18_000;
const HEARTBEAT_MS = REAL_TIME ? 15_000 : 1_000;
const STALE_AFTER_MS = 45_000 / SCALE;
const ELSEWHERE_AFTER_MS = 30_000 / SCALE;
/** What a busy machine may add. */
const SLACK_MS = 2_000;
const WAIT = { timeout: CUT_OFF_MS + 20_000, interval: 20 };
const user = { targetingKey: 'user-1' };

const hasty: Platform = { ...systemPlatform, emitWarning: () => undefined, timing: scaled() };

/** A program, and what it has seen. */
interface Reader {
  readonly flags: Dimmer;
  /** When it opened streams. */
  readonly openedAt: readonly number[];
  readonly states: readonly DimmerStatus['state'][];
  readonly revisions: readonly number[];
  /** What it served when it first was STALE. */
  readonly whenStale: () => { readonly revision: number | null; readonly detail: object } | undefined;
}

describe.skipIf(postgresMissing !== undefined)(
  `one of two servers is cut off from PostgreSQL ${postgresMissing ?? ''}`,
  () => {
    let database: TestDatabase;
    let proxy: PostgresProxy;
    let one: ServerProcess;
    let other: ServerProcess;
    const readers: Reader[] = [];

    beforeAll(async () => {
      database = await createTestDatabase();
      proxy = await createPostgresProxy(database.url);
      const settings = { DIMMER_HEARTBEAT_MS: String(HEARTBEAT_MS) };
      const [first, second] = await startFleet([proxy.url, database.url], [settings, settings]);
      if (first === undefined || second === undefined) throw new Error('there are no two servers');
      [one, other] = [first, second];
      await told(one, `POST ${PROJECT}/flags`, { json: { key: 'checkout' } });
      const json = { enabled: true, fallthrough: { variation: 'on' } };
      await told(one, `PATCH ${PRODUCTION}/flags/checkout`, { json });
    });
    afterAll(async () => {
      await Promise.all(readers.map(({ flags }) => flags.close()));
      await Promise.all([one.end('SIGTERM'), other.end('SIGTERM')]);
      await proxy.close();
      await database.drop();
    });

    test(
      '[F59] [M1] its SDKs are served, know how old that is, and search ever more rarely until they find the other; nobody goes back (REP-3)',
      async () => {
        // What a balancer gives a program when it asks for a stream: the first time, the second time, and so on.
        const staying = await read([one]);
        const lucky = await Promise.all([1, 2, 3].map(() => read([one, other])));
        const unlucky = await Promise.all([1, 2, 3].map(() => read([one, one, other])));
        const moving = [...lucky, ...unlucky];
        const watching = await openEvents(one);
        await vi.waitFor(() => expect(watching.revision()).toBeGreaterThan(0), WAIT);
        const lastGood = watching.revision();

        await proxy.cut();
        const cutAt = performance.now();
        const sinceCutMs = startStopwatch(one.pid());
        const writing = writeUntil(cutAt + CUT_OFF_MS);
        const stale = (): void => {
          for (const { states } of readers) expect(states).toContain('STALE');
        };
        await vi.waitFor(stale, WAIT);
        const staleMs = performance.now() - cutAt;
        expect(staleMs).toBeGreaterThan(STALE_AFTER_MS - SLACK_MS);
        expect(sinceCutMs()).toBeLessThan(STALE_AFTER_MS + HEARTBEAT_MS + SLACK_MS);
        // The first of them may have found the other server before the last has noticed.
        for (const { whenStale } of readers) {
          expect(whenStale()).toMatchObject({
            revision: lastGood,
            detail: { value: true, reason: 'FALLTHROUGH' },
          });
        }

        await vi.waitFor(() => expect(moving.map(({ flags }) => flags.status().state)).toEqual(lives), WAIT);
        const foundMs = performance.now() - cutAt;
        for (const { openedAt } of lucky) expect(openedAt).toHaveLength(2);
        for (const { openedAt } of unlucky) expect(openedAt).toHaveLength(3);

        const { revision } = await writing;
        expect(staying.flags.status()).toMatchObject({ state: 'STALE', revision: lastGood });
        expect(staying.states.slice(staying.states.indexOf('STALE'))).not.toContain('LIVE');
        expect(staying.openedAt.length).toBeGreaterThan(2);
        const beat = watching.events.findLast(({ event }) => event === 'heartbeat');
        expect(beat?.data.databaseAgeMs).toBeGreaterThan(CUT_OFF_MS - 2 * HEARTBEAT_MS - SLACK_MS);
        expect(watching.revision()).toBe(lastGood);
        expect(watching.isOpen()).toBe(true);
        expect((await ask(one, 'GET /readyz')).status).toBe(200);
        const keptMs = readers.map(({ openedAt }) => gapsOf(openedAt));
        for (const gaps of keptMs) {
          // The first stream was had before the server was cut off.
          expect(Math.min(...gaps)).toBeGreaterThanOrEqual(ELSEWHERE_AFTER_MS);
          expect(gaps.slice(1)).toEqual([...gaps.slice(1)].sort((a, b) => a - b));
        }
        await vi.waitFor(() => {
          for (const { flags } of moving) expect(flags.status()).toMatchObject({ state: 'LIVE', revision });
        }, WAIT);

        await proxy.mend();
        await vi.waitFor(
          () => expect(staying.flags.status()).toMatchObject({ state: 'LIVE', revision }),
          WAIT,
        );
        await vi.waitFor(() => expect(watching.revision()).toBe(revision), WAIT);
        watching.stop();
        for (const { revisions } of readers) {
          expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
        }
        if (REAL_TIME) {
          console.info(
            [
              `STALE ${seconds(staleMs)} after the cut; all that can find the other server have it after ${seconds(foundMs)}`,
              `time between two streams of those that find it at once: ${lucky.map(({ openedAt }) => gapsOf(openedAt).map(seconds)).join('; ')}`,
              `of those that find it the second time: ${unlucky.map(({ openedAt }) => gapsOf(openedAt).map(seconds)).join('; ')}`,
              `of the one that never does: ${gapsOf(staying.openedAt).map(seconds).join(', ')}`,
              `age of the data in the last heartbeat: ${seconds(beat?.data.databaseAgeMs ?? Number.NaN)}; ${revision - lastGood} revisions were written`,
            ].join('\n'),
          );
        }
      },
      2 * CUT_OFF_MS + 60_000,
    );

    const lives = Array.from({ length: 6 }, () => 'LIVE');

    /** @param turns - Where its streams go, one after the other and then from the first on; the rest goes where its stream is. */
    async function read(turns: readonly ServerProcess[]): Promise<Reader> {
      const openedAt: number[] = [];
      const balanced: typeof fetch = (input, init) => {
        const url = new URL(String(input));
        if (url.pathname === '/sdk/v1/stream') openedAt.push(performance.now());
        url.host = new URL((turns[(openedAt.length - 1) % turns.length] ?? one).url).host;
        return fetch(url, init);
      };
      const options: DimmerOptions = {
        url: one.url,
        key: one.serverKey,
        cache: false,
        logger: SILENT,
        fetch: balanced,
      };
      const flags = new Dimmer(options, hasty);
      const [states, revisions]: [DimmerStatus['state'][], number[]] = [[], []];
      let stale: ReturnType<Reader['whenStale']>;
      flags.onStatus(({ state, revision }) => {
        states.push(state);
        if (state === 'STALE') stale ??= { revision, detail: flags.detail('checkout', user, false) };
      });
      flags.onChange(() => revisions.push(flags.status().revision ?? 0));
      const reader = { flags, openedAt, states, revisions, whenStale: () => stale };
      readers.push(reader);
      await flags.ready({ timeoutMs: 40_000 });
      revisions.push(flags.status().revision ?? 0);
      return reader;
    }

    /** Somebody writes at the other server all the time. @returns The last that was written. */
    async function writeUntil(deadline: number): Promise<{ readonly revision: number }> {
      let written = await touch(other);
      while (performance.now() < deadline) {
        written = await touch(other);
        await sleep(1_000);
      }
      return written;
    }
  },
);

function gapsOf(times: readonly number[]): readonly number[] {
  return times.slice(1).map((time, index) => time - (times[index] ?? 0));
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function scaled(): Platform['timing'] {
  const { timing } = systemPlatform;
  return {
    ...timing,
    staleAfterMs: STALE_AFTER_MS,
    elsewhereAfterMs: ELSEWHERE_AFTER_MS,
    elsewhereMaxMs: timing.elsewhereMaxMs / SCALE,
    healthyMs: timing.healthyMs / SCALE,
  };
}

const SILENT = { warn() {}, error() {} };
