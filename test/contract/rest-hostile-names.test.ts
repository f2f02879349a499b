import { Dimmer } from '@dimmer/node';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RestHarness } from './rest-harness.ts';
import { openRest, PRODUCTION, PROJECT, SERVER } from './rest-harness.ts';

/** Names that every object inherits, or that change what an object is. */
const NAMES = ['constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty'];
const user = { targetingKey: 'user-1' };

let rest: RestHarness;
beforeEach(async () => {
  rest = await openRest();
});
afterEach(() => rest.close());

test('[A48] `__proto__` is no name of anything (SEC-9)', async () => {
  const refused = [
    await rest.ask(`POST ${PROJECT}/flags`, { json: { key: '__proto__' } }),
    await rest.ask(`POST ${PRODUCTION}/segments`, { json: { key: '__proto__' } }),
    await rest.ask(`POST ${PROJECT}/environments`, { json: { key: '__proto__', name: 'x' } }),
    await rest.ask('POST /api/v1/projects', { json: { key: '__proto__', name: 'x' } }),
    await rest.ask(`POST ${PROJECT}/flags`, {
      text: '{"key":"f","variations":{"__proto__":{"value":true}}}',
    }),
  ];
  expect(refused.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400]);
});

test.each(NAMES)(
  '[A48] `%s` is an ordinary name of a flag, segment, attribute, variation and environment (SEC-9)',
  async (name) => {
    const given = Object.getOwnPropertyNames(Object.prototype);
    const variations = { [name]: { value: 'special' }, plain: { value: 'plain' } };
    const made = [
      await rest.ask(`POST ${PROJECT}/environments`, { json: { key: name, name } }),
      await rest.ask(`POST ${PRODUCTION}/segments`, {
        json: { key: name, included: [], when: { attribute: name, op: 'in', values: ['yes'] } },
      }),
      await rest.ask(`POST ${PROJECT}/flags`, { json: { key: name, type: 'string', variations } }),
      await rest.ask(`PATCH ${PRODUCTION}/flags/${name}`, {
        json: {
          enabled: true,
          offVariation: 'plain',
          rules: [{ id: name, when: { segment: name }, serve: { variation: name } }],
          fallthrough: { variation: 'plain' },
        },
      }),
    ];
    expect(made.map(({ status }) => status)).toEqual([201, 201, 201, 200]);
    const snapshot = await rest.ask('GET /sdk/v1/snapshot', { key: SERVER });
    const sdk = new Dimmer({
      url: 'http://dimmer.test',
      key: SERVER,
      bootstrap: snapshot.body,
      cache: false,
      reports: false,
      fetch: () => new Promise(() => undefined),
    });
    expect(sdk.string(name, user, 'fallback')).toBe('plain');
    expect(sdk.string(name, { ...user, [name]: 'yes' }, 'fallback')).toBe('special');
    for (const other of NAMES.filter((one) => one !== name)) {
      expect(sdk.string(other, user, 'fallback'), other).toBe('fallback');
    }
    await sdk.close();
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(given);
  },
);
