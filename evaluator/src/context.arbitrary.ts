import type { EvaluationContext } from '@dimmer/schema';
import * as fc from 'fast-check';

/** Attribute paths that the generated conditions ask for and the generated contexts carry. */
export const ATTRIBUTES = ['targetingKey', 'country', 'organization.plan', 'age', 'version', 'ip', 'since'];

/** Values that operators know, close enough to each other that conditions hold now and then. */
export const attributeValues: fc.Arbitrary<string | number | boolean> = fc.oneof(
  fc.constantFrom(
    'NO',
    'SE',
    'pro',
    'user-1',
    '',
    '日本語',
    '1.2.3',
    '2.0.0-rc.1',
    '10.1.2.3',
    '::ffff:10.1.2.3',
  ),
  fc.constantFrom('2026-11-21', '2026-11-21T10:00:00+01:00', '2026-02-30'),
  fc.integer({ min: -3, max: 3 }),
  fc.boolean(),
);

/** Contexts as programs make them: plain data. */
const plainContexts: fc.Arbitrary<EvaluationContext> = fc
  .record(
    {
      targetingKey: fc.oneof(fc.string(), fc.integer().map(String)),
      country: fc.oneof(attributeValues, fc.array(attributeValues, { maxLength: 3 })),
      organization: fc.record({ plan: attributeValues }, { requiredKeys: [] }),
      age: attributeValues,
      version: attributeValues,
      ip: attributeValues,
      since: fc.oneof(attributeValues, fc.date()),
    },
    { requiredKeys: [] },
  )
  .map((attributes): EvaluationContext => attributes as EvaluationContext);

/**
 * Anything that JavaScript can pass for a context: wrong types, throwing getters and proxies, deep nests. Each
 * comes in a holder, since the generator itself touches what it hands out.
 */
export const hostileContexts: fc.Arbitrary<{ readonly context: unknown }> = fc.oneof(
  holding(plainContexts),
  holding(
    fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withSparseArray: true,
    }),
  ),
  holding(
    fc.record({
      targetingKey: fc.anything(),
      country: fc.anything({ withBigInt: true }),
      age: fc.anything(),
    }),
  ),
  holding(fc.dictionary(fc.constantFrom('__proto__', 'constructor', 'toString', 'country'), fc.anything())),
  fc.constantFrom(...hostile().map((context) => ({ context }))),
);

function holding(contexts: fc.Arbitrary<unknown>): fc.Arbitrary<{ readonly context: unknown }> {
  return contexts.map((context) => ({ context }));
}

function hostile(): unknown[] {
  const revoked = Proxy.revocable([], {});
  revoked.revoke();
  const getters = Object.defineProperties({}, { country: { get: refuse }, targetingKey: { get: refuse } });
  const list = new Proxy([1], { get: refuse });
  const date = Object.assign(new Date(), { getTime: refuse });
  let deep: unknown = {};
  for (let level = 0; level < 10_000; level += 1) deep = { organization: deep };
  const traps = { get: refuse, has: refuse, getOwnPropertyDescriptor: refuse, getPrototypeOf: refuse };
  return [
    new Proxy({}, traps),
    { country: revoked.proxy, organization: revoked.proxy },
    { country: list, since: date, organization: getters },
    { targetingKey: '\ud800', age: Number.NaN, since: new Date(Number.NaN), version: Symbol('version') },
    getters,
    revoked.proxy,
    deep,
  ];
}

function refuse(): never {
  throw new Error('This attribute cannot be read.');
}
