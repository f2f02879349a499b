import { expect, test } from 'vitest';
import type { DimmerOptions } from './options.ts';
import { checkOptions } from './options.ts';

const key = `dim_srv_${'a'.repeat(32)}`;
const url = 'http://127.0.0.1:4400';

test('[N10] the least options are enough', () => {
  expect(checkOptions({ url, key })).toMatchObject({
    onColdStart: 'serve',
    limits: { trackedEventsMax: 10_000 },
  });
});

test('[N10] a path keeps its place in front of the routes', () => {
  expect(checkOptions({ url: 'https://example.org/flags', key }).url.href).toBe('https://example.org/flags/');
});

test.each([
  ['url', { url: undefined }, 'absolute URL'],
  ['url', { url: 'localhost' }, 'absolute URL'],
  ['url', { url: 'ftp://example.org' }, 'http: or https:'],
  ['url', { url: 'https://user:secret@example.org' }, 'user or password'],
  ['key', { key: undefined }, 'server key'],
  ['key', { key: '' }, 'server key'],
  ['key', { key: `dim_cli_${'a'.repeat(32)}` }, 'client key'],
  ['key', { key: `dim_adm_${'a'.repeat(32)}` }, 'admin key'],
  ['key', { key: 'dim_srv_short' }, 'at least 32'],
  ['onColdStart', { onColdStart: 'panic' }, "'serve' or 'fail'"],
  ['cache', { cache: '/var/cache/shop' }, 'false or { directory }'],
  ['cache.directory', { cache: { directory: '' } }, 'a path'],
  ['limits.frameBytesMax', { limits: { frameBytesMax: -1 } }, 'whole number'],
  ['limits.frameBytesMin', { limits: { frameBytesMin: 1 } }, 'is not a limit'],
])('[N10] a wrong %s (%j) is a TypeError that names it', (option, wrong, rule) => {
  const check = (): unknown => checkOptions({ url, key, ...wrong } as unknown as DimmerOptions);
  expect(check).toThrow(TypeError);
  expect(check).toThrow(`\`${option}\``);
  expect(check).toThrow(rule);
});

test('[N10] a refused key is not in the message', () => {
  const secret = 'dim_srv_verysecret-but-wrong';
  expect(() => checkOptions({ url, key: secret })).toThrow(expect.not.stringContaining('verysecret'));
});
