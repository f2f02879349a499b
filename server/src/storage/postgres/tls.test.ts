import { expect, test } from 'vitest';
import { driverUrl, tlsRemedyOf } from './tls.ts';

const URL_OF = (query: string): string => `postgres://dimmer:hunter%202@db.example:5432/dimmer${query}`;

test.each([
  ['', ''],
  ['?sslmode=disable', '?sslmode=disable'],
  ['?sslmode=no-verify', '?sslmode=no-verify'],
  ['?sslmode=prefer', '?sslmode=verify-full'],
  ['?sslmode=require&channel_binding=require', '?sslmode=verify-full&channel_binding=require'],
  ['?sslmode=verify-ca&sslrootcert=%2Fca.pem', '?sslmode=verify-full&sslrootcert=%2Fca.pem'],
  ['?sslmode=verify-full&sslrootcert=system', '?sslmode=verify-full'],
  ['?uselibpqcompat=true&sslmode=require', '?uselibpqcompat=true&sslmode=require'],
])('[PG24] "%s" is "%s" to the driver', (told, meant) => {
  expect(driverUrl(URL_OF(told))).toBe(URL_OF(meant));
});

test('[PG24] a mode that is none is refused, with those that there are', () => {
  for (const mode of ['verify_full', 'toString', ''])
    expect(() => driverUrl(URL_OF(`?sslmode=${mode}`))).toThrow(
      `sslmode is "${mode}" where one of disable, no-verify, prefer, require, verify-ca, verify-full is expected`,
    );
});

test.each([
  ['no answer', 'The server does not support SSL connections', 'leave sslmode out'],
  ['28000', 'pg_hba.conf rejects connection for host "10.0.0.7", no encryption', 'add ?sslmode=verify-full'],
  ['28000', 'no pg_hba.conf entry for host "10.0.0.7", SSL off', 'add ?sslmode=verify-full'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'Host: db is not in the list', 'a host name that is in the certificate'],
  ['CERT_HAS_EXPIRED', 'certificate has expired', 'Renew the certificate'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate in certificate chain', 'sslrootcert=<file>'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'unable to verify the first certificate', 'sslrootcert=<file>'],
  ['ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', 'handshake failure', 'Correct sslmode, sslcert'],
])('[PG24] what a person has to do about %s, "%s"', (code, message, remedy) => {
  expect(tlsRemedyOf(code, message)).toContain(remedy);
});

test('[PG24] what is not about TLS has another remedy', () => {
  expect(tlsRemedyOf('28P01', 'password authentication failed for user "dimmer"')).toBeUndefined();
  expect(tlsRemedyOf('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:5432')).toBeUndefined();
});
