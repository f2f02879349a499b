import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RestHarness } from './rest-harness.ts';
import { openRest, PRODUCTION, PROJECT } from './rest-harness.ts';

const EDITORS = 50;
const FLAG = `${PRODUCTION}/flags/checkout`;

let rest: RestHarness;
beforeEach(async () => {
  rest = await openRest();
  await rest.ask(`POST ${PROJECT}/flags`, { json: { key: 'checkout' } });
});
afterEach(() => rest.close());

test('[A23] of fifty editors at once one wins each version, the others are told, and no edit is lost (DUR-9)', async () => {
  const waiting = new Set(Array.from({ length: EDITORS }, (_, editor) => `user-${editor}`));
  while (waiting.size > 0) {
    const read = await rest.ask(`GET ${FLAG}`);
    const headers = { 'if-match': read.headers.get('etag') ?? '' };
    const values: readonly string[] = read.body.targets[0]?.values ?? [];
    const written = await Promise.all(
      [...waiting].map(async (user) => {
        const targets = [{ variation: 'on', values: [...values, user] }];
        const { status } = await rest.ask(`PUT ${FLAG}`, { json: { ...read.body, targets }, headers });
        return { user, status };
      }),
    );
    const winners = written.filter(({ status }) => status === 200);
    expect(winners).toHaveLength(1);
    expect(written.filter(({ status }) => status === 412)).toHaveLength(waiting.size - 1);
    for (const { user } of winners) waiting.delete(user);
  }
  const { body } = await rest.ask(`GET ${FLAG}`);
  expect(new Set(body.targets[0].values).size).toBe(EDITORS);
  expect(await rest.revision()).toBe(EDITORS + 1);
  const killed = await rest.ask(`POST ${FLAG}/kill`, {
    json: { reason: 'x' },
    headers: { 'if-match': '"1"' },
  });
  expect(killed.status).toBe(200);
});
