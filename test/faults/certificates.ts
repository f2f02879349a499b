import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Paths of PEM files. */
export interface Certificates {
  /** The certificate of the authority that signed `cert`. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Whether the program that makes certificates is there. */
export async function hasOpenssl(): Promise<boolean> {
  return run('openssl', ['version']).then(
    () => true,
    () => false,
  );
}

/**
 * An authority of a test's own, and what it signs for one name.
 *
 * @param folder - Where the files are put.
 * @param name - As in a `subjectAltName`: `DNS:localhost`, `IP:127.0.0.1`.
 */
export async function makeCertificates(folder: string, name: string): Promise<Certificates> {
  const at = (file: string): string => join(folder, file);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  await run('openssl', [
    ...['req', '-x509', ...newKey, '-days', '2', '-subj', '/CN=an authority of a test'],
    ...['-keyout', at('ca.key'), '-out', at('ca.pem')],
  ]);
  await run('openssl', [
    ...['req', ...newKey, '-subj', '/CN=a server of a test', '-keyout', at('server.key')],
    ...['-out', at('server.csr')],
  ]);
  await writeFile(at('names'), `subjectAltName=${name}`);
  await run('openssl', [
    ...[
      'x509',
      '-req',
      '-in',
      at('server.csr'),
      '-CA',
      at('ca.pem'),
      '-CAkey',
      at('ca.key'),
      '-CAcreateserial',
    ],
    ...['-days', '2', '-extfile', at('names'), '-out', at('server.pem')],
  ]);
  return { ca: at('ca.pem'), cert: at('server.pem'), key: at('server.key') };
}
