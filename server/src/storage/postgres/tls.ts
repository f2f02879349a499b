/**
 * What `sslmode` may say, and what the driver is told instead. Whoever asks for TLS gets it with a certificate that is
 * checked, as the driver did until now; what its next release makes of `require` (anybody's certificate will do) nobody
 * gets by an upgrade.
 */
const MODES: Readonly<Record<string, string>> = {
  disable: 'disable',
  'no-verify': 'no-verify',
  prefer: 'verify-full',
  require: 'verify-full',
  'verify-ca': 'verify-full',
  'verify-full': 'verify-full',
};

/**
 * A database URL as the driver takes it. `sslrootcert=system`, which is Node's own list of authorities, is what the
 * driver does without the word. A URL with `uselibpqcompat` means what it says to the driver.
 *
 * @throws RangeError where `sslmode` is none of those that there are: the driver would go without TLS, or fail later.
 * @example driverUrl('postgres://dimmer@db/dimmer?sslmode=require') // 'postgres://dimmer@db/dimmer?sslmode=verify-full'
 */
export function driverUrl(url: string): string {
  if (!URL.canParse(url)) return url;
  const told = new URL(url);
  const mode = told.searchParams.get('sslmode');
  if (mode === null || told.searchParams.has('uselibpqcompat')) return url;
  const meant = Object.hasOwn(MODES, mode) ? MODES[mode] : undefined;
  if (meant === undefined)
    throw new RangeError(`sslmode is "${mode}" where one of ${Object.keys(MODES).join(', ')} is expected`);
  told.searchParams.set('sslmode', meant);
  if (told.searchParams.get('sslrootcert') === 'system') told.searchParams.delete('sslrootcert');
  return told.href;
}

/** Node's codes and the words of PostgreSQL and its driver, with what a person has to do about each; the first that fits counts. */
const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [
    /does not support SSL/,
    'PostgreSQL speaks no TLS there: switch its ssl on, or leave sslmode out of DIMMER_DATABASE_URL.',
  ],
  [
    // Of a pg_hba.conf that lets nobody in without TLS; "SSL off" before PostgreSQL 14.
    /no encryption|SSL off/,
    'PostgreSQL may want TLS: add ?sslmode=verify-full to DIMMER_DATABASE_URL, and &sslrootcert=<file> where an authority of ' +
      'your own signs certificates. Or let this address in without with pg_hba.conf.',
  ],
  [
    /ALTNAME/,
    'Use in DIMMER_DATABASE_URL a host name that is in the certificate of PostgreSQL, or have that certificate name this one.',
  ],
  [/HAS_EXPIRED|NOT_YET_VALID/, 'Renew the certificate of PostgreSQL, or mend the clock of this machine.'],
  [
    /CERT|SELF_SIGNED|UNABLE_TO_VERIFY/,
    'Name the file of the authority that signed the certificate of PostgreSQL: ?sslmode=verify-full&sslrootcert=<file> in ' +
      'DIMMER_DATABASE_URL. Where anybody may be taken for it, sslmode=no-verify encrypts and checks nothing.',
  ],
  [
    /ERR_TLS|ERR_SSL/,
    'Correct sslmode, sslcert, sslkey and sslrootcert in DIMMER_DATABASE_URL, or the TLS settings of PostgreSQL.',
  ],
];

/**
 * What a person has to do where two programs do not agree on TLS.
 *
 * @param code - Of the error, such as `CERT_HAS_EXPIRED`.
 * @returns `undefined` where it is not about TLS.
 */
export function tlsRemedyOf(code: string, message: string): string | undefined {
  const text = `${code} ${message}`;
  return REMEDIES.find(([words]) => words.test(text))?.[1];
}
