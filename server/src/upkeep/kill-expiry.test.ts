import { FlagInput } from '@dimmer/schema/rest';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SYSTEM } from '../access/api-key.ts';
import { bootstrap } from '../access/bootstrap.ts';
import { commit } from '../changes/commit.ts';
import type { Edit } from '../changes/edit.ts';
import { createFlag } from '../flags/flag-edits.ts';
import { killFlag } from '../flags/kill-edits.ts';
import { systemRandom } from '../platform/random.ts';
import { createProject } from '../rest/create-project.ts';
import type { Lease } from '../storage/lease-store.ts';
import { MemoryStorage } from '../storage/memory/memory-storage.ts';
import type { Storage, TransactRequest } from '../storage/storage.ts';
import { StorageFault } from '../storage/storage.ts';
import type { KillExpiry } from './kill-expiry.ts';
import { createKillExpiry } from './kill-expiry.ts';

const NO_REPLY = { status: 200, etag: null, body: null };
const START = Date.parse('2026-11-21T09:00:00Z');
let now: number;
let storage: MemoryStorage;
let reads: number;
/** The call that fails. */
let failing: 'read' | 'transact' | 'transact of default' | undefined;
let expiry: KillExpiry;

beforeEach(async () => {
  now = START;
  reads = 0;
  failing = undefined;
  const clock = { now: () => now };
  storage = new MemoryStorage({ clock });
  await bootstrap(storage, {}, { clock, random: systemRandom });
  expiry = createKillExpiry({ storage: watched(storage), clock, random: systemRandom });
  await edit(createFlag(FlagInput.parse({ key: 'checkout' })));
});
afterEach(() => {
  expiry.close();
  return storage.close();
});

test('[A90] a kill is lifted once its time has come, by the system, in a revision of its own', async () => {
  await kill(60_000);
  now = START + 59_999;
  await expiry.check(await lease());
  expect(await killed()).toBe(true);
  now = START + 60_000;
  await expiry.check(await lease());
  expect(await killed()).toBe(false);
  const [last] = await storage.history({ project: 'default', environment: 'production' }, { limit: 1 });
  expect(last).toMatchObject({
    actor: SYSTEM,
    action: 'flag.restore',
    reason: 'The kill expired.',
    revision: 3,
  });
});

test('[A90] a kill that stood before the server started is lifted too', async () => {
  await kill(60_000);
  const later = createKillExpiry({ storage, clock: { now: () => now }, random: systemRandom });
  now = START + 60_000;
  await later.check(await lease());
  expect(await killed()).toBe(false);
  later.close();
});

test('[A90] a kill without an end stays', async () => {
  await edit(killFlag('production', 'checkout', { reason: 'for good' }));
  now = START + 365 * 86_400_000;
  await expiry.check(await lease());
  expect(await killed()).toBe(true);
});

test('[A90] a look at environments that did not change reads nothing', async () => {
  await kill(60_000);
  await expiry.check(await lease());
  reads = 0;
  await expiry.check(await lease());
  expect(reads).toBe(0);
});

test('[A90] a kill that could not be read or lifted is lifted once the database is back', async () => {
  await expiry.check(await lease());
  await kill(60_000);
  for (const broken of ['read', 'transact'] as const) {
    failing = broken;
    now = START + 60_000;
    await expect(expiry.check(await lease())).rejects.toThrow();
    expect(await killed()).toBe(true);
  }
  failing = undefined;
  await expiry.check(await lease());
  expect(await killed()).toBe(false);
});

test('[A90] a project whose kill cannot be lifted holds up no other', async () => {
  await createShop();
  await kill(60_000);
  await kill(60_000, 'shop');
  failing = 'transact of default';
  now = START + 60_000;
  await expect(expiry.check(await lease())).rejects.toThrow('Some expired kills');
  expect([await killed(), await killed('shop')]).toEqual([true, false]);
});

test('[M12] a server that slept through the end of its lease lifts nothing (REP-6)', async () => {
  await kill(60_000);
  const stale = await lease();
  now = START + 60_000;
  await lease('there');
  await expect(expiry.check(stale)).rejects.toThrow('Some expired kills');
  expect(await killed()).toBe(true);
});

test('[M13] what has expired is decided by the clock of the database, not by that of the server (REP-7)', async () => {
  await kill(60_000);
  const ahead = { now: () => now + 600_000 };
  const hasty = createKillExpiry({ storage, clock: ahead, random: systemRandom });
  await hasty.check(await lease());
  expect(await killed()).toBe(true);
  now = START + 60_000;
  await hasty.check(await lease());
  expect(await killed()).toBe(false);
  hasty.close();
});

async function createShop(): Promise<void> {
  const plan = createProject({ key: 'shop', description: '' }, systemRandom, () => NO_REPLY);
  await storage.transact({ project: null, actor: SYSTEM, plan });
  await edit(createFlag(FlagInput.parse({ key: 'checkout' })), 'shop');
}

/** What lets this server lift kills. */
async function lease(holder = 'here'): Promise<Lease> {
  const held = await storage.leases.acquire('upkeep', holder, 1_000);
  if (held === undefined) throw new Error('another holds the lease');
  return held;
}

async function kill(durationMs: number, project = 'default'): Promise<void> {
  const expiresAt = new Date(START + durationMs).toISOString();
  await edit(killFlag('production', 'checkout', { reason: 'test', expiresAt }), project);
}

async function killed(project = 'default'): Promise<boolean> {
  const state = await storage.read(project);
  return state?.environments.get('production')?.flags.get('checkout')?.kill != null;
}

async function edit(asked: Edit, project = 'default'): Promise<void> {
  const outcome = await commit(storage, {
    project,
    actor: SYSTEM,
    action: 'test',
    subject: 'test',
    reason: null,
    edit: asked,
    newSeed: () => 1,
    reply: () => NO_REPLY,
  });
  if (!outcome.ok) throw new Error(outcome.rejection.detail);
}

/** Counts reads, and fails as `failing` says. */
function watched(inner: MemoryStorage): Storage {
  return new Proxy(inner, {
    get: (target, name) => {
      if (name === 'read') reads += 1;
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      if (name !== 'read' && name !== 'transact') return member.bind(target);
      return async (asked: string | TransactRequest) => {
        if (failing === name || failing === callOf(String(name), asked)) {
          throw new StorageFault('unavailable', 'down');
        }
        return member.call(target, asked);
      };
    },
  });
}

function callOf(name: string, asked: string | TransactRequest): string {
  return `${name} of ${typeof asked === 'string' ? asked : asked.project}`;
}
