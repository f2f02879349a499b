const assert = require('node:assert/strict');
const bootstrap = require('./bootstrap.json');

/** What every consumer does with the SDK, however it got hold of it. There is no server. */
exports.exercise = async function exercise({ Dimmer, fakeDimmer, DimmerProvider, OpenFeature }) {
  const flags = new Dimmer({
    url: 'http://127.0.0.1:9',
    key: `dim_srv_${'0'.repeat(32)}`,
    bootstrap,
    cache: false,
    logger: { info() {}, warn() {}, error() {} },
  });
  const norwegian = { targetingKey: 'user-1', country: 'NO' };
  assert.equal(flags.boolean('checkout-v2', norwegian, false), true);
  assert.equal(flags.boolean('checkout-v2', { targetingKey: 'user-2', country: 'DE' }, true), false);
  assert.equal(flags.string('no-such-flag', norwegian, 'fallback'), 'fallback');

  const detail = flags.detail('checkout-v2', norwegian, false);
  assert.deepEqual([detail.reason, detail.ruleId, detail.revision], ['RULE_MATCH', 'nordics', 3]);
  await flags.close();

  const fake = fakeDimmer({ 'checkout-v2': true, theme: 'dark' });
  fake.set('checkout-v2', false);
  assert.equal(fake.boolean('checkout-v2', norwegian, true), false);

  await OpenFeature.setProviderAndWait(new DimmerProvider(fake));
  const theme = await OpenFeature.getClient().getStringDetails('theme', 'light', norwegian);
  assert.deepEqual([theme.value, theme.reason], ['dark', 'STATIC']);
  await OpenFeature.close();
};
