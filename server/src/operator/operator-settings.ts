/** Where a command goes, and with which key. */
export interface OperatorSettings {
  /** The server, ending in `/`. */
  readonly url: URL;
  /** An admin key. It comes from the environment only: command lines are seen by everybody on the machine. */
  readonly key: string;
  readonly project: string;
  readonly environment: string;
}

/** The options that every command takes beside its own. */
export interface PlaceOptions {
  readonly url?: string;
  readonly project?: string;
  readonly environment?: string;
}

const DEFAULTS = { url: 'http://127.0.0.1:4400', project: 'default', environment: 'production' } as const;

/** The variables of the command, as `--help` prints them. */
export const OPERATOR_SETTINGS_HELP = `Settings (environment variables):
  DIMMER_ADMIN_KEY     the admin key; required, and never an option
  DIMMER_URL           the server (default ${DEFAULTS.url}); or --url
  DIMMER_PROJECT       the project (default ${DEFAULTS.project}); or --project
  DIMMER_ENVIRONMENT   the environment (default ${DEFAULTS.environment}); or --environment
Each may be given as a file: DIMMER_ADMIN_KEY_FILE=/run/secrets/admin-key`;

/**
 * Reads the settings; options go before variables, and an empty variable counts as not set.
 *
 * @param variables - The environment of the process.
 * @returns The settings, or a line for each fault: variable, rule and remedy, never the key.
 */
export function parseOperatorSettings(
  options: PlaceOptions,
  variables: Readonly<Record<string, string | undefined>>,
): { readonly settings: OperatorSettings } | { readonly faults: readonly string[] } {
  const key = variables['DIMMER_ADMIN_KEY'] || undefined;
  const url = parseUrl(options.url ?? (variables['DIMMER_URL'] || DEFAULTS.url));
  const faults = [
    ...(url === undefined
      ? [`DIMMER_URL or --url must be an http:// or https:// address, such as ${DEFAULTS.url}.`]
      : []),
    ...keyFaults(key),
  ];
  if (url === undefined || key === undefined || faults.length > 0) return { faults };
  const project = options.project ?? (variables['DIMMER_PROJECT'] || DEFAULTS.project);
  const environment = options.environment ?? (variables['DIMMER_ENVIRONMENT'] || DEFAULTS.environment);
  return { settings: { url, key, project, environment } };
}

/** @returns The address, ending in `/`; `undefined` where it is none of a server. */
export function parseUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // A name and password in the address would be sent nowhere: fetch refuses them.
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '') return undefined;
  url.search = '';
  url.hash = '';
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

function keyFaults(key: string | undefined): string[] {
  if (key === undefined) {
    return [
      'DIMMER_ADMIN_KEY is not set. Set it to an admin key (dim_adm_…) with the role editor:',
      '  read -rs DIMMER_ADMIN_KEY && export DIMMER_ADMIN_KEY',
    ];
  }
  if (/^dim_adm_[0-9A-Za-z]+$/.test(key)) return [];
  if (/^dim_(srv|cli)_/.test(key)) {
    return ['DIMMER_ADMIN_KEY holds a key of an SDK. Set it to an admin key (dim_adm_…).'];
  }
  return ['DIMMER_ADMIN_KEY must be dim_adm_ and then letters and digits only. Look for quotes or spaces.'];
}
