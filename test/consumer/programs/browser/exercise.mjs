import assert from 'node:assert/strict';

/** Nothing listens there: what is served needs no server. */
export const OPTIONS = {
  url: 'http://127.0.0.1:9',
  key: `dim_cli_${'c'.repeat(40)}`,
  persistence: false,
  logger: { warn: () => undefined },
};

/** Calls what an SDK has without a server. */
export async function exercise(Dimmer) {
  const flags = new Dimmer({ ...OPTIONS, context: { targetingKey: 'ada' } });
  assert.equal(flags.boolean('a', true), true);
  assert.deepEqual(flags.json('b', { c: 1 }), { c: 1 });
  assert.equal(flags.detail('a', 'x').errorCode, 'NOT_READY');
  assert.equal((await flags.ready({ timeoutMs: 100 })).revision, null);
  flags.track('bought', { value: 1 });
  flags.close();
  assert.equal(flags.status().state, 'CLOSED');
}
