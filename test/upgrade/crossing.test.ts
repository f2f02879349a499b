import { describe, expect, test, vi } from 'vitest';
import { openClient } from '../contract/client-harness.ts';
import type { FailingStorage } from '../contract/failing-storage.ts';
import { failingStorage } from '../contract/failing-storage.ts';
import { ADMIN, PRODUCTION, SERVER } from '../contract/rest-harness.ts';
import { CURRENT, RECORDED } from './builds.ts';

const WITHIN = { timeout: 40_000, interval: 10 };
const user = { targetingKey: 'user-1' };

describe.each([...RECORDED, CURRENT])('the Node SDK of $name', (build) => {
  test('[BG2, U2] gets a kill that the server holds, and goes on when it is committed', async () => {
    let storage: FailingStorage | undefined;
    const server = await openClient({}, (database) => {
      storage = failingStorage(database);
      return storage;
    });
    const Sdk = await build.sdk();
    const flags = new Sdk({
      url: server.server.url,
      key: SERVER,
      cache: false,
      logger: { warn() {}, error() {} },
    });
    try {
      await server.flag('checkout-v2');
      await flags.ready({ timeoutMs: 40_000 });
      const { epoch } = flags.status();
      await vi.waitFor(() => expect(flags.boolean('checkout-v2', user, false)).toBe(true), WITHIN);
      if (storage !== undefined) storage.fault = 'unavailable';
      const answer = await fetch(`${server.server.url}${PRODUCTION}/flags/checkout-v2/kill`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' },
        body: JSON.stringify({ reason: 'payments fail', breakGlass: true }),
      });
      expect(answer.status).toBe(202);
      await vi.waitFor(() => expect(flags.boolean('checkout-v2', user, true)).toBe(false), WITHIN);
      const served: boolean[] = [];
      flags.onChange('checkout-v2', () => void served.push(flags.boolean('checkout-v2', user, true)));
      if (storage !== undefined) storage.fault = undefined;
      await vi.waitFor(() => expect(flags.status().epoch).toBe(epoch), WITHIN);
      expect(flags.detail('checkout-v2', user, true)).toMatchObject({ value: false, reason: 'KILLED' });
      expect(served).not.toContain(true);
    } finally {
      if (storage !== undefined) storage.fault = undefined;
      await flags.close();
      await server.close();
    }
  }, 240_000);
});
