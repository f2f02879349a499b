import { pricingByRule, ROLLOUT_PERCENT, SPLIT_PERCENT } from './workload.mjs';

/** How far a share may lie from what was asked, in percentage points: over six deviations at 100,000 users. */
const TOLERANCE = 1;

/**
 * Proves that a system serves what the workload asks before anything is timed, so that nobody is measured on
 * an error path. Rules are compared user by user, splits by their shares.
 *
 * @returns {Promise<Record<string, number>>} What `run` must count per flag.
 * @throws Where a system serves something else.
 */
export async function checkSystem(system, users) {
  const contexts = users.map(system.contextOf);
  const banner = await serveAll(system.flags.banner, contexts);
  const checkout = await serveAll(system.flags.checkout, contexts);
  const pricing = await serveAll(system.flags.pricing, contexts);

  expectShare(`${system.name} banner`, banner, true, 100, 0);
  expectShare(`${system.name} checkout`, checkout, true, ROLLOUT_PERCENT, TOLERANCE);
  expectRules(system.name, users, pricing);
  const split = pricing.filter((_, index) => pricingByRule(users[index]) === undefined);
  for (const [variation, percent] of Object.entries(SPLIT_PERCENT)) {
    expectShare(`${system.name} pricing`, split, variation, percent, TOLERANCE);
  }
  return { banner: count(banner, true), checkout: count(checkout, true), pricing: count(pricing, 'alpha') };
}

async function serveAll(flag, contexts) {
  const served = [];
  for (const context of contexts) served.push(await flag.serve(context));
  return served;
}

function expectShare(title, served, value, percent, tolerance) {
  const actual = (100 * count(served, value)) / served.length;
  if (!(Math.abs(actual - percent) <= tolerance)) {
    throw new Error(`${title}: ${value} is served to ${actual.toFixed(2)} %, not to ${percent} %`);
  }
}

function expectRules(name, users, served) {
  const wrong = users.findIndex((user, index) => {
    const promised = pricingByRule(user);
    return promised !== undefined && promised !== served[index];
  });
  if (wrong !== -1) {
    const user = users[wrong];
    throw new Error(
      `${name} pricing: ${JSON.stringify(user)} gets ${served[wrong]}, not ${pricingByRule(user)}`,
    );
  }
}

function count(values, wanted) {
  return values.reduce((sum, value) => (value === wanted ? sum + 1 : sum), 0);
}
