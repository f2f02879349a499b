import { afterEach, beforeEach, describe } from 'vitest';
import { describeExposures } from './storage-contract-exposures.ts';
import { describeHistory } from './storage-contract-history.ts';
import { describeIdempotency } from './storage-contract-idempotency.ts';
import { describeInstances } from './storage-contract-instances.ts';
import { describeKeys } from './storage-contract-keys.ts';
import { describeLeases } from './storage-contract-leases.ts';
import { describeListeners } from './storage-contract-listeners.ts';
import { describeSnapshots } from './storage-contract-snapshots.ts';
import { describeTransactions } from './storage-contract-transactions.ts';
import { Shop } from './storage-shop.ts';
import type { StorageSubject } from './storage-subject.ts';

/**
 * What every storage adapter promises: server/SPEC.md, rules S1 to S29, S38, M10, M11 and M25.
 *
 * @param name - The adapter, for the report.
 * @param open - Opens an empty storage; called once per test.
 * @example describeStorage('memory', openMemorySubject);
 */
export function describeStorage(name: string, open: () => Promise<StorageSubject>): void {
  describe(`${name} storage`, () => {
    const shop = new Shop();
    beforeEach(() => shop.open(open));
    afterEach(() => shop.subject.dispose());

    describeTransactions(shop);
    describeIdempotency(shop);
    describeSnapshots(shop);
    describeHistory(shop);
    describeListeners(shop);
    describeKeys(shop);
    describeExposures(shop);
    describeLeases(shop);
    describeInstances(shop);
  });
}
