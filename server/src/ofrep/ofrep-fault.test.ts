import { expect, test } from 'vitest';
import { StorageFault } from '../storage/storage.ts';
import { faultOfCause } from './ofrep-fault.ts';

test('[OF15] a defect tells the request and nothing else; a storage fault tells when to come back', () => {
  const defect = faultOfCause(new Error('secret'), 'request-1');
  expect(defect).toMatchObject({ status: 500, errorCode: 'GENERAL' });
  expect(defect.errorDetails).toContain('request-1');
  expect(JSON.stringify(defect)).not.toContain('secret');
  expect(faultOfCause(new StorageFault('unavailable', 'secret'), 'request-1')).toEqual({
    status: 503,
    errorCode: 'GENERAL',
    errorDetails: 'The server cannot answer right now.',
    headers: { 'retry-after': '1' },
  });
});
