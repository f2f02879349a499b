import { expect, test } from 'vitest';
import { AddressShareWatch } from './address-share.ts';

function setUp() {
  let now = 0;
  const shares: number[] = [];
  const watch = new AddressShareWatch({ now: () => now }, (share) => void shares.push(share));
  const minute = (counts: Readonly<Record<string, number>>): void => {
    for (const [address, count] of Object.entries(counts)) {
      for (let request = 0; request < count; request += 1) watch.count(address);
    }
    now += 60_000;
    watch.count('next minute');
  };
  return { watch, shares, minute };
}

test('[A104] a minute in which one address has more than 90 % of the requests is told once', () => {
  const { watch, shares, minute } = setUp();
  minute({ '10.0.0.2': 950, '203.0.113.7': 50 });
  expect(shares).toEqual([0.95]);
  expect(watch.share).toBe(0.95);
});

test('[A104] many addresses, and few requests, are nothing to tell', () => {
  const { shares, minute } = setUp();
  minute({ '203.0.113.7': 900, '203.0.113.8': 100 });
  minute({ '203.0.113.7': 500 });
  expect(shares).toEqual([]);
});
