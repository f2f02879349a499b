import { DrizzleQueryError } from 'drizzle-orm/errors';
import { expect, test } from 'vitest';
import {
  ConnectFault,
  faultOf,
  isConnectionDoubtful,
  isPassing,
  isRepeatable,
  isTrouble,
  toldOf,
} from './postgres-fault.ts';
import { assertDurable, readOnlyFault, standbyFault } from './session-settings.ts';

const TARGET = { host: 'db', port: 5432, user: 'dimmer', database: 'dimmer' };

function answer(code: string, severity = 'ERROR'): Error {
  const cause = Object.assign(new Error(`of ${code}`), { code, severity });
  return new DrizzleQueryError('select secret', ['hunter2'], cause);
}

test.each([
  ['53100', 'full'],
  ['53300', 'unavailable'],
  ['53200', 'unavailable'],
  ['08006', 'unavailable'],
  ['57P01', 'unavailable'],
  ['57P03', 'unavailable'],
  ['57014', 'unavailable'],
  ['55P03', 'unavailable'],
  ['25P03', 'unavailable'],
  ['25006', 'unavailable'],
  ['28P01', 'unavailable'],
  ['3D000', 'unavailable'],
  ['40001', 'unavailable'],
  ['40P01', 'unavailable'],
  ['XX001', 'damaged'],
])('[PG15] SQLSTATE %s is the fault %s', (code, fault) => {
  expect(faultOf(answer(code), TARGET)).toMatchObject({ name: 'StorageFault', fault });
});

test('[PG15] without an answer of the server it is unavailable, whatever the driver says', () => {
  const timeout = new DrizzleQueryError('select 1', [], new Error('Query read timeout'));
  const refused = new ConnectFault('no', { cause: Object.assign(new Error(''), { code: 'ECONNREFUSED' }) });
  for (const error of [timeout, refused]) {
    expect(faultOf(error, TARGET)).toMatchObject({ fault: 'unavailable' });
    expect(isTrouble(error)).toBe(true);
  }
  expect(String(faultOf(refused, TARGET))).toContain('ECONNREFUSED');
});

test('[PG15] a server that crashes for want of space is unavailable: what it was at may have been written', () => {
  const panic = answer('53100', 'PANIC');
  expect(faultOf(panic, TARGET)).toMatchObject({ fault: 'unavailable' });
  expect([isTrouble(panic), isTrouble(answer('53100'))]).toEqual([true, false]);
});

test('[PG15] a broken constraint and a defect of a planner come back as they are, without parameters', () => {
  const defect = new Error('defect');
  expect(faultOf(defect, TARGET)).toBe(defect);
  const broken = answer('23505');
  expect(faultOf(broken, TARGET)).toBe(broken.cause);
  expect(String(faultOf(broken, TARGET))).not.toContain('hunter2');
  expect([isTrouble(defect), isTrouble(broken)]).toEqual([false, false]);
});

test('[PG20] a standby is one that does not answer, and callers hear that it is one, but not where', () => {
  const refused = new ConnectFault('no', { cause: standbyFault() });
  expect(isTrouble(refused)).toBe(true);
  const fault = faultOf(refused, TARGET);
  expect(fault).toMatchObject({ fault: 'unavailable', told: expect.stringContaining('a standby') });
  expect(String(fault)).toMatch(/^StorageFault: The database dimmer at db:5432 .*It is a standby/);
  expect(toldOf(refused)).not.toContain('5432');
});

test('[PG20] a connection that takes no writes is given up, and the server answers all the same', () => {
  const readOnly = answer('25006');
  expect([isConnectionDoubtful(readOnly), isTrouble(readOnly)]).toEqual([true, false]);
  expect(faultOf(readOnly, TARGET)).toMatchObject({
    told: 'The database takes no writes: it is read-only.',
  });
});

test('[PG10] only what was rolled back for the sake of another is run again', () => {
  expect(['40001', '40P01', '23505', '57014', '08006'].filter((code) => isRepeatable(answer(code)))).toEqual([
    '40001',
    '40P01',
  ]);
});

test.each([
  [
    Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }),
    'sslrootcert=',
  ],
  [
    Object.assign(new Error('certificate has expired'), { code: 'CERT_HAS_EXPIRED' }),
    'Renew the certificate',
  ],
  [new Error('The server does not support SSL connections'), 'leave sslmode out'],
])(
  '[M30] "$0.message" is for a person to correct: a start does not wait, and says what to do',
  (cause, remedy) => {
    const fault = faultOf(new ConnectFault('no', { cause }), TARGET);
    expect(isPassing(fault)).toBe(false);
    expect(String(fault)).toContain(remedy);
  },
);

test('[M30] a server that nobody reaches yet may be there soon, so a start waits', () => {
  const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  expect(isPassing(faultOf(new ConnectFault('no', { cause }), TARGET))).toBe(true);
});

test('[M30] a start waits for a standby to be promoted and for a primary to take writes, not for commits to be made durable', () => {
  for (const fault of [standbyFault(), readOnlyFault(), faultOf(answer('25006'), TARGET)])
    expect(isPassing(fault)).toBe(true);
  expect(() => assertDurable('off')).toThrow(expect.toSatisfy((fault) => !isPassing(fault)));
});
