import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { readerOf } from './attribute.ts';

function throwing(): never {
  throw new Error('This attribute cannot be read.');
}

test('[E20] a path leads through nested objects, own and inherited by a class alike', () => {
  class Visitor {
    readonly organization = { plan: 'pro' };
    get country(): string {
      return 'NO';
    }
  }
  const visitor = new Visitor();
  expect(Reflect.apply(readerOf('organization.plan'), undefined, [visitor])).toBe('pro');
  expect(Reflect.apply(readerOf('country'), undefined, [visitor])).toBe('NO');
});

test('[E20] a path that ends early or leads into a list reads nothing', () => {
  expect(readerOf('a.b.c')({ a: { b: null } })).toBeUndefined();
  expect(readerOf('a.b.c')({ a: 'b' })).toBeUndefined();
  expect(readerOf('a.0')({ a: ['x'] })).toBeUndefined();
  expect(readerOf('a.length')({ a: ['x'] })).toBeUndefined();
});

test('[E21] an attribute whose reading throws is missing, at any step of its path', () => {
  const trap = new Proxy({}, { get: throwing });
  const getter = Object.defineProperty({}, 'targetingKey', { get: throwing });
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  for (const path of ['targetingKey', 'country', 'a.b', 'constructor']) {
    for (const context of [
      trap,
      getter,
      { a: trap, country: undefined },
      revoked.proxy,
      { a: revoked.proxy },
    ]) {
      expect(readerOf(path)(context), path).toBeUndefined();
    }
  }
});

test('[E22] a name that every object inherits is read only where it is its own', () => {
  for (const name of Object.getOwnPropertyNames(Object.prototype)) {
    expect(readerOf(name)({}), name).toBeUndefined();
    expect(readerOf(`a.${name}`)({ a: {} }), name).toBeUndefined();
    expect(readerOf(name)(JSON.parse(`{"${name}": "own"}`)), name).toBe('own');
  }
});

test('[E20] an attribute under any name is read back', () => {
  fc.assert(
    fc.property(
      fc.string().filter((name) => !name.includes('.')),
      fc.anything(),
      (name, value) => {
        const context = Object.fromEntries([[name, value]]);
        expect(readerOf(name)(context)).toBe(value);
        expect(readerOf(`a.${name}`)({ a: context })).toBe(value);
      },
    ),
  );
});
