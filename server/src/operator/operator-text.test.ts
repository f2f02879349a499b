import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatDuration, parseDuration } from './duration.ts';
import { EXIT, exitCodeHelp } from './exit-code.ts';
import { localTime, parseTime } from './local-time.ts';
import { parseOperatorSettings } from './operator-settings.ts';
import { LINE_WIDTH, tableLines } from './table.ts';
import { createTerminal } from './terminal.ts';

const DIMMER_ADMIN_KEY = `dim_adm_${'Admin0'.repeat(6)}`;

describe('settings', () => {
  test('[O1] options go before variables, and those before the defaults', () => {
    const url = 'http://127.0.0.1:4400/';
    expect(parseOperatorSettings({}, { DIMMER_ADMIN_KEY, DIMMER_URL: '' })).toEqual({
      settings: { url: new URL(url), key: DIMMER_ADMIN_KEY, project: 'default', environment: 'production' },
    });
    const variables = {
      DIMMER_ADMIN_KEY,
      DIMMER_URL: 'https://a/x',
      DIMMER_PROJECT: 'shop',
      DIMMER_ENVIRONMENT: 'staging',
    };
    expect(parseOperatorSettings({ project: 'bank' }, variables)).toEqual({
      settings: {
        url: new URL('https://a/x/'),
        key: DIMMER_ADMIN_KEY,
        project: 'bank',
        environment: 'staging',
      },
    });
  });

  test.each([
    ['no key', {}, 'DIMMER_ADMIN_KEY is not set'],
    ['a key of an SDK', { DIMMER_ADMIN_KEY: 'dim_srv_secret' }, 'holds a key of an SDK'],
    ['a key in quotes', { DIMMER_ADMIN_KEY: '"dim_adm_secret"' }, 'Look for quotes'],
    ['an address that is none', { DIMMER_ADMIN_KEY, DIMMER_URL: 'localhost:4400' }, 'must be an http://'],
    ['an address with a password', { DIMMER_ADMIN_KEY, DIMMER_URL: 'http://a:b@c' }, 'must be an http://'],
  ])('[O1] %s is refused with a remedy, and no key is told', (_what, variables, words) => {
    const parsed = parseOperatorSettings({}, variables);
    const text = 'faults' in parsed ? parsed.faults.join('\n') : '';
    expect(text).toContain(words);
    expect(text).not.toContain('secret');
  });

  test('[O2] the help has every exit code', () => {
    for (const code of Object.values(EXIT))
      expect(exitCodeHelp()).toMatch(new RegExp(`^ {2}${code} +\\S`, 'm'));
  });
});

describe('durations and times', () => {
  test.each([
    ['250ms', 250],
    ['1.5s', 1_500],
    ['10m', 600_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['2', undefined],
    ['-2h', undefined],
    ['2 hours', undefined],
    ['', undefined],
  ])('[O10] %j is %j milliseconds', (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  test.each([
    [28, '28 ms'],
    [3_200, '3 s'],
    [119_000, '119 s'],
    [600_000, '10 min'],
    [7_200_000, '2 h'],
    [172_800_000, '2 days'],
    [-5, '0 ms'],
  ])('[O10] %j milliseconds are written %j', (durationMs, expected) => {
    expect(formatDuration(durationMs)).toBe(expected);
  });

  test('[O10] a time that is shown can be given back', () => {
    const second = fc
      .integer({ min: 0, max: 4_000_000_000 })
      .map((seconds) => new Date(seconds * 1_000).toISOString());
    fc.assert(fc.property(second, (iso) => parseTime(localTime(iso)) === iso));
  });

  test.each(['2026-11-20', 'yesterday', '18:00', '2026-13-01T00:00', '2026-11-20T18'])(
    '[O10] %j is no time',
    (text) => {
      expect(parseTime(text)).toBeUndefined();
    },
  );

  test('[O10] a time without a zone is in that of the machine', () => {
    expect(parseTime('2026-11-20 18:00')).toBe(new Date('2026-11-20T18:00:00').toISOString());
    expect(parseTime('2026-11-20T18:00+02:00')).toBe('2026-11-20T16:00:00.000Z');
  });
});

describe('tables and terminals', () => {
  const cell = fc.oneof(fc.string({ maxLength: 150 }), fc.string({ unit: 'binary', maxLength: 20 }));

  test('[O9] lines fit, columns are aligned, and names are never cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.stringMatching(/^[a-z]{1,40}$/), cell, cell), { maxLength: 8 }),
        (rows) => {
          const lines = tableLines(
            [{ title: 'NAME', whole: true }, { title: 'WHY' }, { title: 'N', align: 'right' }],
            rows,
          );
          expect(lines).toHaveLength(rows.length + 1);
          for (const line of lines) expect(line.length).toBeLessThanOrEqual(LINE_WIDTH);
          for (const [index, [name]] of rows.entries()) expect(lines[index + 1]?.split(' ')[0]).toBe(name);
          // biome-ignore lint/suspicious/noControlCharactersInRegex: none of these may reach a terminal.
          expect(lines.join('')).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
        },
      ),
    );
  });

  test.each([
    [true, undefined, '\u001b[31mno\u001b[0m'],
    [true, '1', 'no'],
    [false, undefined, 'no'],
  ])('[O9] colour: terminal %j, NO_COLOR %j', (isTTY, noColour, expected) => {
    const stream = { isTTY, write: () => true };
    expect(createTerminal(stream, stream, noColour).paint('bad', 'no')).toBe(expected);
  });
});
