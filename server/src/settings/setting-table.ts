import { z } from 'zod';

/** One row of the table of settings. */
export interface SettingRow<T = unknown> {
  /** The environment variable. */
  readonly name: string;
  readonly type: string;
  /** As written in the environment; `null` where there is none. */
  readonly default: string | null;
  readonly unit: string | null;
  readonly description: string;
  /** Whether the value opens something: then it is shown nowhere. */
  readonly isSecret?: true;
  /** How the value is shown in the log, where not as it is. */
  readonly shown?: (text: string) => string;
  /** What to do when the value is refused. */
  readonly remedy: string;
  readonly schema: z.ZodType<T>;
}

/** A table of settings. */
export type SettingTable = Readonly<Record<string, SettingRow>>;

/** What a table's variables are parsed to. Immutable. */
export type SettingsOf<Table extends SettingTable> = {
  readonly [Name in keyof Table]: z.infer<Table[Name]['schema']>;
};

/** A setting that was refused. */
export interface SettingFault {
  readonly name: string;
  readonly message: string;
  readonly remedy: string;
}

/** The settings, or everything that is wrong with them. */
export type ParsedSettings<S> =
  | { readonly ok: true; readonly settings: S }
  | { readonly ok: false; readonly faults: readonly SettingFault[] };

/** Reads the settings of a table from environment variables. An empty variable counts as not set. */
export function parseTable<Table extends SettingTable>(
  table: Table,
  environment: Readonly<Record<string, string | undefined>>,
): ParsedSettings<SettingsOf<Table>> {
  const entries = Object.entries<SettingRow>(table).map(([field, row]) => {
    const parsed = row.schema.safeParse(textOf(row, environment));
    return { field, row, parsed };
  });
  const faults = entries.flatMap(({ row, parsed }) => (parsed.success ? [] : [faultOf(row, parsed.error)]));
  if (faults.length > 0) return { ok: false, faults };
  const fields = entries.map(({ field, parsed }) => [field, parsed.data] as const);
  // Each field was parsed by the schema that its type is inferred from.
  return { ok: true, settings: Object.freeze(Object.fromEntries(fields)) as SettingsOf<Table> };
}

/** @example describeFaults([{ name: 'DIMMER_PORT', message: 'must be a whole number', remedy: 'Give one.' }]) */
export function describeFaults(faults: readonly SettingFault[]): string {
  const lines = faults.map(({ name, message, remedy }) => `  ${name} ${message}. ${remedy}`);
  return ['Dimmer cannot start with these settings:', ...lines].join('\n');
}

/**
 * Each variable of a table as it counts: as given, or the default. Secrets are not shown, and those that are not set are left out.
 *
 * @example settingsInForce(SETTINGS, process.env) // { DIMMER_HOST: '127.0.0.1', DIMMER_PORT: '8080', … }
 */
export function settingsInForce(
  table: SettingTable,
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const shown = Object.values(table).flatMap((row) => {
    const text = textOf(row, environment);
    return text === undefined || text === '' ? [] : [[row.name, shownText(row, text)] as const];
  });
  return Object.fromEntries(shown);
}

function shownText({ isSecret, shown }: SettingRow, text: string): string {
  if (isSecret === true) return '***';
  return shown === undefined ? text : shown(text);
}

function textOf(
  row: SettingRow,
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const given = environment[row.name];
  return given === undefined || given === '' ? (row.default ?? undefined) : given;
}

function faultOf(row: SettingRow, error: z.ZodError): SettingFault {
  return { name: row.name, message: error.issues[0]?.message ?? 'is not acceptable', remedy: row.remedy };
}

/** A whole number within bounds. */
export function wholeNumber(minimum: number, maximum: number): z.ZodType<number> {
  const message = `must be a whole number from ${minimum} to ${maximum}`;
  return z
    .string()
    .regex(/^\d{1,10}$/, message)
    .transform(Number)
    .refine((value) => value >= minimum && value <= maximum, message);
}

/** Words between commas; none where the text is empty. */
export function list(isAcceptable: (word: string) => boolean, message: string): z.ZodType<readonly string[]> {
  return z
    .string({ error: 'is not set' })
    .transform((text) =>
      text
        .split(',')
        .map((word) => word.trim())
        .filter((word) => word !== ''),
    )
    .refine((words) => words.every(isAcceptable), message);
}
