import type { SettingRow } from './settings.ts';
import { SETTINGS } from './settings.ts';

/** The table of settings as `dimmer serve --help` prints it. */
export function settingsHelp(): string {
  const rows = Object.values<SettingRow>(SETTINGS).map((row) => [
    `  ${row.name}=${row.default ?? ''}`,
    `      ${row.description}${row.unit === null ? '' : ` In ${row.unit}.`}`,
  ]);
  return ['Settings (environment variables, with their defaults):', ...rows.flat()].join('\n');
}

/** The table of settings as docs/settings.md has it. */
export function settingsTable(): string {
  const rows = Object.values<SettingRow>(SETTINGS).map((row) =>
    cells([
      `\`${row.name}\``,
      row.type,
      row.default === null ? '' : `\`${row.default}\``,
      row.unit ?? '',
      row.description,
    ]),
  );
  return [
    cells(['setting', 'type', 'default', 'unit', 'what it does']),
    cells(['---', '---', '---', '---', '---']),
    ...rows,
  ].join('\n');
}

function cells(texts: readonly string[]): string {
  return `| ${texts.join(' | ')} |`;
}
