import type { EnvironmentKeys } from '@dimmer/schema/rest';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { hashOf } from '../access/secret.ts';
import { ManualSchedule, settle } from '../delivery/manual-schedule.fixture.ts';
import { KEYS_EVERY_MS, KeyList } from './key-list.ts';
import { createRelayKeys } from './relay-keys.ts';
import type { KeysAnswer } from './upstream-keys.ts';

const OWN = `dim_srv_${'r'.repeat(32)}`;
const KNOWN = `dim_srv_${'k'.repeat(32)}`;
const MADE = `dim_srv_${'m'.repeat(32)}`;

function keysOf(secrets: readonly string[], fields: Partial<EnvironmentKeys> = {}): EnvironmentKeys {
  const keys = secrets.map((secret) => ({
    id: secret.slice(8, 9),
    kind: 'server',
    fingerprint: hashOf(hashOf(secret)),
    expiresAt: null,
  }));
  return { project: 'shop', environment: 'production', secureMode: false, keys, ...fields };
}

/** A list of keys with an upstream that answers as it is told. */
function world() {
  const time = new ManualSchedule();
  const upstream = {
    answer: { outcome: 'keys', keys: keysOf([OWN, KNOWN]), etag: '"1"' } as KeysAnswer,
    asked: [] as (string | null)[],
  };
  const list = new KeyList({
    ask: async (etag) => {
      upstream.asked.push(etag);
      return upstream.answer;
    },
    ownKey: OWN,
    clock: time,
    schedule: time,
    log: pino({ level: 'silent' }),
    onKeys: () => {},
  });
  const keys = createRelayKeys([list]);
  const find = (secret: string): Promise<string | undefined> =>
    keys.find(hashOf(secret)).then((key) => key?.id);
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 250) {
      time.pass(Math.min(250, left));
      await settle();
    }
  };
  return { time, upstream, list, keys, find, pass };
}

const AWAY: KeysAnswer = { outcome: 'failed', message: 'connect ECONNREFUSED' };
const REFUSED: KeysAnswer = { outcome: 'refused', message: 'the upstream answered 401' };

test('[RL9] who is known upstream is let in, and a key that is gone there is not', async () => {
  const { upstream, list, find, pass } = world();
  list.start(undefined);
  await settle();
  expect(await find(KNOWN)).toBe('k');
  upstream.answer = { outcome: 'keys', keys: keysOf([OWN]), etag: '"2"' };
  await pass(KEYS_EVERY_MS + 250);
  const asked = find(KNOWN);
  await pass(1_000);
  expect(await asked).toBeUndefined();
  expect(upstream.asked.slice(0, 2)).toEqual([null, '"1"']);
});

test('[RL9] a key that was made a moment ago is asked about before it is refused', async () => {
  const { upstream, list, find, pass } = world();
  list.start(undefined);
  await settle();
  upstream.answer = { outcome: 'keys', keys: keysOf([OWN, KNOWN, MADE]), etag: '"2"' };
  const asked = [find(MADE), find(MADE)];
  await pass(500);
  expect(await Promise.all(asked)).toEqual(['m', 'm']);
  expect(upstream.asked).toHaveLength(2);
});

test('[RL9] guesses cost the upstream no more than four questions a second', async () => {
  const { upstream, list, find, pass } = world();
  list.start(undefined);
  await settle();
  upstream.answer = { outcome: 'unchanged' };
  const guesses = Array.from({ length: 500 }, (_, index) => find(`dim_srv_${index}`));
  await pass(1_000);
  expect(await Promise.all(guesses)).toEqual(guesses.map(() => undefined));
  expect(upstream.asked.length).toBeLessThanOrEqual(6);
});

test('[RL9] while the upstream is away known keys go on, and any other is doubt', async () => {
  const { upstream, list, find, pass } = world();
  list.start(undefined);
  await settle();
  upstream.answer = AWAY;
  await pass(KEYS_EVERY_MS + 250);
  expect(await find(KNOWN)).toBe('k');
  await expect(find(MADE)).rejects.toMatchObject({ fault: 'unavailable' });
  upstream.answer = { outcome: 'unchanged' };
  await pass(KEYS_EVERY_MS + 250);
  const asked = find(MADE);
  await pass(500);
  expect(await asked).toBeUndefined();
});

test('[RL8, RL9] what an earlier run knew is known before the upstream has answered', async () => {
  const { upstream, list, keys, find } = world();
  upstream.answer = AWAY;
  list.start(keysOf([KNOWN], { secureMode: true }));
  expect(await find(KNOWN)).toBe('k');
  expect(list.environment).toEqual({ project: 'shop', environment: 'production' });
  expect(await keys.isSecure({ project: 'shop', environment: 'production' })).toBe(true);
  await expect(keys.isSecure({ project: 'shop', environment: 'staging' })).rejects.toThrow('never reached');
});

test('[RL9] the own key of the relay opens nothing once the upstream refuses it; others go on', async () => {
  const { upstream, list, find, pass } = world();
  list.start(undefined);
  await settle();
  expect(await find(OWN)).toBe('r');
  upstream.answer = REFUSED;
  await pass(KEYS_EVERY_MS + 250);
  expect(await find(OWN)).toBeUndefined();
  expect(await find(KNOWN)).toBe('k');
  await expect(find(MADE)).rejects.toMatchObject({ fault: 'unavailable' });
});

test('[RL10] only server keys of an environment in secure mode sign, and with what is stored of them', async () => {
  const { upstream, list, keys } = world();
  const [own, known] = keysOf([OWN, KNOWN]).keys;
  const signing = [{ ...own, signer: hashOf(OWN) }, known].flatMap((key) => (key ? [key as never] : []));
  upstream.answer = { outcome: 'keys', keys: keysOf([], { keys: signing }), etag: null };
  list.start(undefined);
  await settle();
  expect([...(await keys.signers.all())].map(({ id, hash }) => [id, hash])).toEqual([['r', hashOf(OWN)]]);
});

test('[RL9] a kind of key that this build does not know opens nothing', async () => {
  const { upstream, list, keys } = world();
  const [own] = keysOf([OWN]).keys;
  const later = own && { ...own, kind: 'edge' };
  upstream.answer = { outcome: 'keys', keys: keysOf([], { keys: later ? [later] : [] }), etag: null };
  list.start(undefined);
  await settle();
  expect([...(await keys.all())]).toEqual([]);
});
