import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeMessage, decodeObject, decodeSnapshot } from './decode.ts';

interface MessageCase {
  readonly rule: string;
  readonly event: string;
  readonly data: string;
  readonly outcome: string;
  readonly opaque?: boolean;
}

const vectors = JSON.parse(readFileSync(new URL('../vectors/messages.json', import.meta.url), 'utf8')) as {
  readonly cases: readonly MessageCase[];
};

const flag = {
  kind: 'flag',
  key: 'checkout-v2',
  version: 3,
  type: 'boolean',
  variations: { on: { value: true }, off: { value: false } },
  enabled: true,
  offVariation: 'off',
  prerequisites: [],
  targets: [],
  rules: [],
  fallthrough: { variation: 'on' },
};

const snapshot = {
  protocol: 1,
  epoch: 'k3v9',
  revision: 3,
  digest: 1,
  committedAt: '2026-11-21T00:00:00.000Z',
  objects: [flag],
};

for (const { rule, event, data, outcome, opaque } of vectors.cases) {
  test(`[${rule}] ${event} ${data} is ${outcome}`, () => {
    const decoded = decodeMessage(event, data);
    expect(decoded.outcome).toBe(outcome);
    if (decoded.outcome !== 'decoded' || decoded.value.type !== 'put') return;
    expect('opaque' in decoded.value.object).toBe(opaque ?? false);
  });
}

test('[W4] no event and no data can make the decoder throw', () => {
  const events = ['hello', 'put', 'delete', 'commit', 'heartbeat', 'goodbye', '__proto__', 'toString'];
  const data = fc.oneof(
    fc.string(),
    fc.json(),
    fc.json().map((text) => `{"kind":"flag","key":"a","version":1,"rules":${text}}`),
  );
  fc.assert(
    fc.property(fc.constantFrom(...events), data, (event, text) => {
      expect(['decoded', 'ignored', 'malformed']).toContain(decodeMessage(event, text).outcome);
    }),
  );
});

test('[W3] names that every object inherits are unknown events', () => {
  expect(decodeMessage('constructor', '{}')).toEqual({ outcome: 'ignored' });
});

test('[W5] an object of an unknown kind keeps only what the digest needs', () => {
  expect(decodeObject({ kind: 'hologram', key: 'h', version: 5, glow: 1 })).toEqual({
    kind: 'hologram',
    key: 'h',
    version: 5,
    opaque: true,
  });
});

test('[W6] an off variation that is not a variation damages the flag', () => {
  expect(decodeObject({ ...flag, offVariation: 'toString' })).toMatchObject({
    opaque: true,
    damage: 'offVariation is not a variation',
  });
});

test('[W6] a snapshot with one damaged flag keeps the others', () => {
  const damaged = { ...flag, key: 'broken', enabled: 'yes' };
  const decoded = decodeSnapshot({ ...snapshot, objects: [flag, damaged] });
  if (decoded.outcome !== 'decoded') throw new Error(decoded.outcome);
  expect(decoded.value.objects[0]).toBe(flag);
  expect(decoded.value.objects[1]).toMatchObject({ key: 'broken', opaque: true });
});

test('[W4] a snapshot without a required field is malformed', () => {
  for (const field of Object.keys(snapshot)) {
    const rest = Object.fromEntries(Object.entries(snapshot).filter(([name]) => name !== field));
    expect(decodeSnapshot(rest).outcome, field).toBe('malformed');
  }
  expect(decodeSnapshot(undefined).outcome).toBe('malformed');
  expect(decodeSnapshot({ ...snapshot, objects: [{ kind: 'flag' }] }).outcome).toBe('malformed');
});
