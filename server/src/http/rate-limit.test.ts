import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRateLimiter } from './rate-limit.ts';

function setUp(callersMax?: number) {
  let now = 0;
  const limiter = createRateLimiter({ perSecond: 10, burst: 20 }, { now: () => now }, callersMax);
  const through = (caller: string, requests: number): number =>
    Array.from({ length: requests }, () => limiter.take(caller)).filter((seconds) => seconds === 0).length;
  return {
    limiter,
    through,
    pass: (ms: number) => {
      now += ms;
    },
  };
}

describe('a limit of requests', () => {
  it('[A102] lets a burst through at once, then as many a second as it says', () => {
    const { through, pass } = setUp();
    expect(through('a', 50)).toBe(20);
    pass(1_000);
    expect(through('a', 50)).toBe(10);
    pass(3_600_000);
    expect(through('a', 50)).toBe(20);
  });

  it('[A102] leaves other callers alone', () => {
    const { through } = setUp();
    through('a', 1_000);
    expect(through('b', 50)).toBe(20);
  });

  it('[A102] says when to come back, and that is soon enough', () => {
    fc.assert(
      fc.property(fc.integer({ min: 21, max: 200 }), (requests) => {
        const { limiter, through, pass } = setUp();
        through('a', requests);
        const seconds = limiter.take('a');
        expect(seconds).toBeGreaterThanOrEqual(1);
        pass(seconds * 1_000);
        expect(limiter.take('a')).toBe(0);
      }),
    );
  });

  it('[A102] gives nothing for a clock that was set back', () => {
    const { through, pass } = setUp();
    through('a', 20);
    pass(-60_000);
    expect(through('a', 5)).toBe(0);
  });

  it('[A102] remembers a bounded number of callers, those that ask most recently', () => {
    const { through } = setUp(2);
    through('a', 20);
    through('b', 20);
    through('a', 1);
    through('c', 1);
    expect(through('a', 1)).toBe(0);
    expect(through('b', 1)).toBe(1);
  });
});
