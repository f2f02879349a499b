import SqliteConnection from 'better-sqlite3';
import { expect, it } from 'vitest';
import { StorageFault } from '../storage.ts';
import { faultOf } from './sqlite-fault.ts';

const PATH = '/data/dimmer.db';

it.each([
  ['SQLITE_FULL', 'full'],
  ['SQLITE_IOERR_SHMSIZE', 'full'],
  ['ENOSPC', 'full'],
  ['SQLITE_CORRUPT', 'damaged'],
  ['SQLITE_CORRUPT_INDEX', 'damaged'],
  ['SQLITE_NOTADB', 'damaged'],
  ['SQLITE_BUSY', 'unavailable'],
  ['SQLITE_BUSY_SNAPSHOT', 'unavailable'],
  ['SQLITE_IOERR_FSYNC', 'unavailable'],
  ['SQLITE_CANTOPEN', 'unavailable'],
  ['SQLITE_READONLY', 'unavailable'],
  ['EACCES', 'unavailable'],
])('[S33] %s is the fault "%s", with the file, the code and the cause', (code, fault) => {
  const cause = new SqliteConnection.SqliteError('driver', code);
  const named = faultOf(cause, PATH);
  expect(named).toBeInstanceOf(StorageFault);
  expect(named).toMatchObject({ fault, cause });
  expect(String(named)).toContain(PATH);
});

it('[S33] a fault is found below the errors that wrap it', () => {
  const cause = new SqliteConnection.SqliteError('database or disk is full', 'SQLITE_FULL');
  expect(faultOf(new Error('query failed', { cause }), PATH)).toMatchObject({ fault: 'full' });
});

it.each([
  ['a broken constraint', new SqliteConnection.SqliteError('unique', 'SQLITE_CONSTRAINT_UNIQUE')],
  ['a defect', new TypeError('x is undefined')],
  ['a thrown word', 'oops'],
  ['a fault that has its name', new StorageFault('full', 'no space')],
])('[S1] %s is not renamed', (_, error) => {
  expect(faultOf(error, PATH)).toBe(error);
});
