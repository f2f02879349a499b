import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import { systemRandom } from '../platform/random.ts';
import { createProject } from '../rest/create-project.ts';
import { MemoryStorage } from '../storage/memory/memory-storage.ts';
import type { LossListener, LostCommits, Storage } from '../storage/storage.ts';
import { renewWhereCommitsAreLost } from './lost-commits.ts';

const log = pino({ level: 'silent' });
const actor = { id: 'a', name: 'a' };

/** Two servers on one database, and what tells them of a loss. */
async function servers() {
  const shared = new MemoryStorage({ clock: { now: () => 1_000 } });
  const reply = () => ({ status: 200, etag: null, body: null });
  const plan = createProject({ key: 'shop', description: '' }, systemRandom, reply);
  await shared.transact({ project: null, actor, plan });
  const listeners: LossListener[] = [];
  const storage: Storage = Object.create(shared, {
    transact: { value: shared.transact.bind(shared) },
    onLoss: { value: (listener: LossListener) => listeners.push(listener) },
  });
  const onRenewed = vi.fn();
  for (let count = 0; count < 2; count += 1) {
    renewWhereCommitsAreLost({ storage, random: systemRandom, log, onRenewed });
  }
  const standing = async () => {
    const [production] = await shared.environments();
    return production;
  };
  return { shared, onRenewed, standing, tell: (lost: LostCommits) => listeners.map((told) => told(lost)) };
}

test('[M40] of servers that see a loss, however often, one gives a new epoch, and the audit log says which revisions were lost', async () => {
  const { shared, onRenewed, standing, tell } = await servers();
  const { epoch = '' } = (await standing()) ?? {};
  const lost = { project: 'shop', environment: 'production', epoch, seen: 4, found: 0 };
  for (let count = 0; count < 3; count += 1) tell(lost);
  await vi.waitFor(() => expect(onRenewed).toHaveBeenCalled(), { timeout: 20_000 });
  tell(lost);
  const [entry, ...earlier] = await shared.audit({ limit: 10 });
  expect(entry).toMatchObject({
    actor: { id: 'system' },
    action: 'environment.renew-epoch',
    subject: 'environment/production',
    details: { epoch: { before: epoch, after: (await standing())?.epoch }, lost: { from: 1, to: 4 } },
    revisions: {},
  });
  expect(earlier).toHaveLength(1);
  expect(onRenewed).toHaveBeenCalledTimes(1);
  expect(await standing()).toMatchObject({ revision: 0, epoch: expect.not.stringMatching(epoch) });
});

test.each([
  ['of another epoch', { epoch: 'another', seen: 4, found: 0 }],
  ['no lower than what was seen, and moved on since', { seen: 0, found: -1 }],
])('[M40] an environment that is %s under its lock keeps its epoch', async (_, changes) => {
  const { onRenewed, standing, tell } = await servers();
  const before = await standing();
  tell({
    project: 'shop',
    environment: 'production',
    epoch: before?.epoch ?? '',
    ...changes,
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(await standing()).toEqual(before);
  expect(onRenewed).not.toHaveBeenCalled();
});
