import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { describeFaults } from '../settings/setting-table.ts';
import { settingsHelp, settingsTable } from '../settings/settings-text.ts';
import { parseRelaySettings, RELAY_SETTINGS } from './relay-settings.ts';

const KEYS = ['a', 'b'].map((letter) => `dim_srv_${letter.repeat(32)}`);
const GIVEN = { DIMMER_RELAY_UPSTREAM: 'https://flags.example/eu', DIMMER_RELAY_KEYS: KEYS.join(', ') };

test('[RL15] an upstream and keys are all that a relay needs', () => {
  const parsed = parseRelaySettings(GIVEN);
  if (!parsed.ok) throw new Error(describeFaults(parsed.faults));
  expect(parsed.settings).toMatchObject({ keys: KEYS, cache: './data/relay', port: 4400, name: undefined });
  expect(parsed.settings.upstream.href).toBe('https://flags.example/eu/');
});

test.each([
  ['DIMMER_RELAY_UPSTREAM', ''],
  ['DIMMER_RELAY_UPSTREAM', 'without-a-scheme'],
  ['DIMMER_RELAY_UPSTREAM', 'https://user:word@flags.example'],
  ['DIMMER_RELAY_UPSTREAM', 'https://flags.example?x=1'],
  ['DIMMER_RELAY_KEYS', ''],
  ['DIMMER_RELAY_KEYS', ','],
  ['DIMMER_RELAY_KEYS', `dim_cli_${'c'.repeat(32)}`],
  ['DIMMER_RELAY_KEYS', `${KEYS[0]},${KEYS[0]}`],
  ['DIMMER_RELAY_NAME', 'x'.repeat(101)],
  ['DIMMER_PORT', '70000'],
])('[RL15] %s=%s is refused, and not repeated', (name, value) => {
  const parsed = parseRelaySettings({ ...GIVEN, [name]: value });
  if (parsed.ok) throw new Error('accepted');
  expect(parsed.faults.map((fault) => fault.name)).toEqual([name]);
  if (value.length > 8) expect(describeFaults(parsed.faults)).not.toContain(value);
});

test('[RL15] help and docs have every setting, from the one table', () => {
  const page = readFileSync(new URL('../../../docs/relay.md', import.meta.url), 'utf8');
  expect(page).toContain(settingsTable(ownSettings()));
  for (const { name } of Object.values(RELAY_SETTINGS)) {
    expect(settingsHelp(RELAY_SETTINGS)).toContain(`  ${name}=`);
    expect(page).toContain(name);
  }
});

/** What a server does not have. The others are explained in docs/settings.md. */
function ownSettings() {
  const { upstream, keys, cache, name, breakGlassKey } = RELAY_SETTINGS;
  return { upstream, keys, cache, name, breakGlassKey };
}
