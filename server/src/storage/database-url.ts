/** Whether a database URL names PostgreSQL. */
export function isPostgresUrl(url: string): boolean {
  return /^postgres(ql)?:/.test(url);
}

/**
 * A database URL as it may be shown: without its password, wherever that stands.
 *
 * @example redactedUrl('postgres://dimmer:secret@db/dimmer') // 'postgres://dimmer:***@db/dimmer'
 */
export function redactedUrl(url: string): string {
  if (!isPostgresUrl(url)) return url;
  if (!URL.canParse(url)) return 'postgres://***';
  const shown = new URL(url);
  if (shown.password !== '') shown.password = '***';
  for (const name of ['password', 'sslpassword']) {
    if (shown.searchParams.has(name)) shown.searchParams.set(name, '***');
  }
  return shown.href;
}

/** The path of the SQLite file that a database URL names. */
export function sqlitePath(url: string): string {
  return url.replace(/^file:(\/\/)?/, '');
}
