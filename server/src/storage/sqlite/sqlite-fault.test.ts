import SqliteConnection from 'better-sqlite3';
import { expect, it } from 'vitest';
import { StorageFault } from '../storage.ts';
import { faultOf, isPassing } from './sqlite-fault.ts';

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

it.each(['SQLITE_CANTOPEN', 'SQLITE_READONLY_DIRECTORY', 'SQLITE_PERM', 'EACCES', 'EPERM', 'EROFS'])(
  '[M30] %s is for a person to correct: a start does not wait, and says which rights are lacking',
  (code) => {
    const fault = faultOf(new SqliteConnection.SqliteError('driver', code), PATH);
    expect(isPassing(fault)).toBe(false);
    expect(String(fault)).toMatch(/may read and write, in a folder where that user may make files/);
  },
);

it.each(['SQLITE_BUSY', 'SQLITE_IOERR_READ', 'EMFILE'])('[M30] %s may pass, so a start waits', (code) => {
  expect(isPassing(faultOf(new SqliteConnection.SqliteError('driver', code), PATH))).toBe(true);
});

it.each([
  ['a file that another process has', new StorageFault('unavailable', 'in use')],
  ['damage', faultOf(new SqliteConnection.SqliteError('driver', 'SQLITE_CORRUPT'), PATH)],
])('[M30] %s does not pass', (_, fault) => {
  expect(isPassing(fault)).toBe(false);
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
