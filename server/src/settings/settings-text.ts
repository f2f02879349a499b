import type { SettingRow, SettingTable } from './setting-table.ts';
import { SETTINGS } from './settings.ts';

/** A table of settings as the help of its command prints it. */
export function settingsHelp(table: SettingTable = SETTINGS): string {
  const rows = Object.values<SettingRow>(table).map((row) => [
    `  ${row.name}=${row.default ?? ''}`,
    `      ${row.description}${row.unit === null ? '' : ` In ${row.unit}.`}`,
  ]);
  return [
    'Settings (environment variables, with their defaults; each may be given as a file, such as',
    'DIMMER_DATABASE_URL_FILE=/run/secrets/database-url):',
    ...rows.flat(),
  ].join('\n');
}

/** A table of settings as the docs have it. */
export function settingsTable(table: SettingTable = SETTINGS): string {
  const rows = Object.values<SettingRow>(table).map((row) =>
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
