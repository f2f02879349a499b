/**
 * One workload for every system: three flags, and 100,000 users who are the same in every run.
 *
 * - `banner`: on for everybody.
 * - `checkout`: on for 25 % of users, by key.
 * - `pricing`: five rules, then a 50/30/20 split into `alpha`, `beta` and `gamma`.
 */

/** @typedef {{ key: string, country: string, email: string, plan: string, age: number }} User */

const USERS = 100_000;
export const ROLLOUT_PERCENT = 25;
export const SPLIT_PERCENT = { alpha: 50, beta: 30, gamma: 20 };

export const NORDICS = ['NO', 'SE', 'DK', 'FI', 'IS'];
export const STAFF_SUFFIX = '@example.org';
export const SENIOR_AGE = 65;
export const ADULT_AGE = 18;

const COUNTRIES = [
  ...NORDICS,
  'DE',
  'FR',
  'ES',
  'PT',
  'IT',
  'NL',
  'BE',
  'AT',
  'CH',
  'PL',
  'CZ',
  'IE',
  'GB',
  'US',
  'CA',
];
const HOSTS = ['example.com', 'example.net', 'mail.example', 'post.example', 'example.org'];
const PLANS = ['free', 'free', 'free', 'free', 'free', 'free', 'pro', 'pro', 'pro', 'enterprise'];

/**
 * Users as they arrive in requests: through JSON, so that no string is still a chain of the parts it was made of.
 *
 * @returns {User[]}
 */
export function makeUsers(count = USERS) {
  const next = randomFrom(20_240_229);
  const pick = (list) => list[Math.floor(next() * list.length)];
  const users = Array.from({ length: count }, (_, index) => ({
    key: `user-${index}`,
    country: pick(COUNTRIES),
    email: `user-${index}@${pick(HOSTS)}`,
    plan: pick(PLANS),
    age: 10 + Math.floor(next() * 80),
  }));
  return JSON.parse(JSON.stringify(users));
}

/**
 * What the rules of `pricing` promise a user, in plain code.
 *
 * @param {User} user
 * @returns {'alpha' | 'beta' | 'gamma' | undefined} `undefined` where no rule matches, so that the split decides.
 */
export function pricingByRule(user) {
  if (NORDICS.includes(user.country)) return 'alpha';
  if (user.email.endsWith(STAFF_SUFFIX)) return 'beta';
  if (user.plan === 'pro' && user.age >= SENIOR_AGE) return 'gamma';
  if (user.age < ADULT_AGE) return 'beta';
  if (user.plan === 'enterprise') return 'alpha';
  return undefined;
}

/** Mulberry32: a small generator with a good spread, so that every run sees the same users. */
function randomFrom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
