import { expect, test } from 'vitest';
import { redactedUrl } from './database-url.ts';

test.each([
  ['postgres://dimmer:hunter2@db/dimmer', 'postgres://dimmer:***@db/dimmer'],
  [
    'postgresql://dimmer:hun%40ter2@db:5433/dimmer?sslmode=require',
    'postgresql://dimmer:***@db:5433/dimmer?sslmode=require',
  ],
  ['postgres://db/dimmer?user=dimmer&password=hunter2', 'postgres://db/dimmer?user=dimmer&password=***'],
  ['postgres://dimmer:hunter2@db:port/dimmer', 'postgres://***'],
  ['postgres://dimmer@db/dimmer', 'postgres://dimmer@db/dimmer'],
  ['file:./data/dimmer.db', 'file:./data/dimmer.db'],
])('[PG17] the password of %s is shown nowhere', (url, shown) => {
  expect(redactedUrl(url)).toBe(shown);
  expect(redactedUrl(url)).not.toMatch(/hun/);
});
