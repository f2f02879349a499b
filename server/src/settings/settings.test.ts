import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { RELAY_SETTINGS } from '../relay/relay-settings.ts';
import { describeFaults, settingsInForce } from './setting-table.ts';
import { parseSettings, SETTINGS } from './settings.ts';
import { settingsHelp, settingsTable } from './settings-text.ts';

test('[A80] without any variable every setting has its default', () => {
  expect(parseSettings({ DIMMER_PORT: '' })).toEqual({
    ok: true,
    settings: {
      host: '127.0.0.1',
      port: 4400,
      databaseUrl: 'file:./data/dimmer.db',
      databaseConnectionsMax: 10,
      heldKillsDir: undefined,
      bootstrapAdminKey: undefined,
      clientKeyRequestsPerSecond: 2000,
      clientRequestsPerSecond: 50,
      corsOrigins: [],
      trustedProxies: [],
      bootstrapServerKey: undefined,
      bootstrapClientKey: undefined,
      logLevel: 'info',
      heartbeatMs: 15_000,
      streamAgeMs: 3_600_000,
      streamsMax: 15_000,
      streamsPerKeyMax: 10_000,
      streamsPerSecondMax: 1_000,
      clientStreamsShare: 80,
      drainAcceptMs: 5_000,
      drainSpreadMs: 10_000,
      historyRevisions: 1_000,
      historyDays: 7,
      exposureDays: 3,
      metrics: true,
    },
  });
});

test('[A80] every fault is named at once, with its variable, rule and remedy, and without its value', () => {
  const secret = `dim_adm_${'x'.repeat(20)}`;
  const parsed = parseSettings({
    DIMMER_PORT: '70000',
    DIMMER_METRICS: 'yes',
    DIMMER_BOOTSTRAP_ADMIN_KEY: secret,
  });
  if (parsed.ok) throw new Error('accepted');
  expect(parsed.faults.map(({ name }) => name)).toEqual([
    'DIMMER_PORT',
    'DIMMER_BOOTSTRAP_ADMIN_KEY',
    'DIMMER_METRICS',
  ]);
  const text = describeFaults(parsed.faults);
  expect(text).toContain('DIMMER_PORT must be a whole number from 0 to 65535. Give a port number.');
  expect(text).toContain('DIMMER_METRICS must be true or false. Give true or false.');
  expect(text).not.toContain(secret);
});

test.each([
  ['DIMMER_PORT', '4400.5'],
  ['DIMMER_PORT', '-1'],
  ['DIMMER_HEARTBEAT_MS', '10'],
  ['DIMMER_LOG_LEVEL', 'loud'],
  ['DIMMER_DATABASE_URL', 'mysql://db'],
  ['DIMMER_DATABASE_URL', 'file:'],
  ['DIMMER_BOOTSTRAP_SERVER_KEY', `dim_adm_${'x'.repeat(32)}`],
])('[A80] %s=%s is refused', (name, value) => {
  const parsed = parseSettings({ [name]: value });
  expect(parsed).toMatchObject({ ok: false, faults: [{ name, remedy: expect.stringMatching(/\w/) }] });
});

test.each([
  ['file:./data/dimmer.db', true],
  ['postgres://db/dimmer', true],
  ['postgresql://dimmer:hun%23ter2@db:5433/dimmer?sslmode=require', true],
  ['postgres:db', false],
  ['postgres://dimmer:hun#ter:2@db/dimmer', false],
  ['mysql://db/dimmer', false],
  ['./data/dimmer.db', false],
])('[A81] the database %s is taken: %s', (url, isTaken) => {
  const parsed = parseSettings({ DIMMER_DATABASE_URL: url });
  expect(parsed.ok).toBe(isTaken);
  if (!parsed.ok) expect(describeFaults(parsed.faults)).not.toContain('hun');
});

test('[A82] docs/settings.md has the table of settings as it is', () => {
  const page = readFileSync(new URL('../../../docs/settings.md', import.meta.url), 'utf8');
  expect(page).toContain(settingsTable());
});

test('[A82] the help lists every setting with its default', () => {
  const help = settingsHelp();
  for (const { name, default: value } of Object.values(SETTINGS))
    expect(help).toContain(`${name}=${value ?? ''}`);
});

test.each([
  ['DIMMER_CORS_ORIGINS', 'https://shop.example/'],
  ['DIMMER_CORS_ORIGINS', 'null'],
  ['DIMMER_CORS_ORIGINS', 'https://SHOP.example'],
  ['DIMMER_CORS_ORIGINS', '*,https://shop.example'],
  ['DIMMER_TRUSTED_PROXIES', '10.0.0.0'],
  ['DIMMER_TRUSTED_PROXIES', '10.0.0.0/8,proxy'],
])('[A80] %s=%s is refused', (name, value) => {
  expect(parseSettings({ [name]: value })).toMatchObject({ ok: false, faults: [{ name }] });
});

test('[A80] lists are separated by commas, with or without spaces', () => {
  const parsed = parseSettings({
    DIMMER_CORS_ORIGINS: 'https://shop.example, http://localhost:5173',
    DIMMER_TRUSTED_PROXIES: '10.0.0.0/8,::1/128',
  });
  expect(parsed).toMatchObject({
    ok: true,
    settings: {
      corsOrigins: ['https://shop.example', 'http://localhost:5173'],
      trustedProxies: ['10.0.0.0/8', '::1/128'],
    },
  });
});

test('[P28] the settings in force are what was given and the defaults of the rest, without secrets', () => {
  const canary = 'canary7d1f';
  const shown = settingsInForce(SETTINGS, {
    DIMMER_PORT: '8080',
    DIMMER_HOST: '',
    DIMMER_DATABASE_URL: `postgres://dimmer:${canary}@db/dimmer?sslpassword=${canary}`,
    DIMMER_BOOTSTRAP_ADMIN_KEY: canary,
    DIMMER_BOOTSTRAP_SERVER_KEY: canary,
    DIMMER_BOOTSTRAP_CLIENT_KEY: canary,
    OTHER: canary,
  });
  expect(shown).toMatchObject({
    DIMMER_PORT: '8080',
    DIMMER_HOST: '127.0.0.1',
    DIMMER_HEARTBEAT_MS: '15000',
    DIMMER_DATABASE_URL: 'postgres://dimmer:***@db/dimmer?sslpassword=***',
    DIMMER_BOOTSTRAP_ADMIN_KEY: '***',
  });
  const ofRelay = settingsInForce(RELAY_SETTINGS, {
    DIMMER_RELAY_KEYS: canary,
    DIMMER_RELAY_BREAK_GLASS_KEY: canary,
  });
  expect(ofRelay).toMatchObject({ DIMMER_RELAY_KEYS: '***', DIMMER_RELAY_CACHE: './data/relay' });
  expect(JSON.stringify([shown, ofRelay])).not.toContain(canary);
  expect(ofRelay).not.toHaveProperty('DIMMER_RELAY_NAME');
});

test('[P28] whatever is a key is a secret', () => {
  for (const row of Object.values({ ...SETTINGS, ...RELAY_SETTINGS }))
    expect('isSecret' in row, row.name).toBe(/KEYS?$/.test(row.name));
});
