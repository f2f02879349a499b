import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../server/src/platform/clock.ts';
import { systemSchedule } from '../../server/src/platform/schedule.ts';
import { inspectPostgres } from '../../server/src/storage/postgres/inspect-postgres.ts';
import { openPostgresStorage } from '../../server/src/storage/postgres/open-postgres-storage.ts';
import { type Certificates, hasOpenssl, makeCertificates } from '../faults/certificates.ts';
import { createPostgresCluster, type PostgresCluster, postgresOwner } from '../faults/postgres-cluster.ts';
import { createServerProcess } from '../faults/server-process.ts';

/** `dimmer` looks after the cluster, `app` is let in over TLS only. */
const RULES = 'hostssl all app all trust\nhostnossl all app all reject\nhost all dimmer all trust\n';

const folder = await mkdtemp(join(tmpdir(), 'dimmer-tls-'));
const certificates = (await hasOpenssl()) ? await makeCertificates(folder, 'IP:127.0.0.1') : undefined;
const cluster = certificates && (await clusterWith(certificates));
if (cluster === undefined && process.env['CI'] !== undefined)
  throw new Error('The pipeline needs PostgreSQL and openssl.');

describe.skipIf(cluster === undefined)('PostgreSQL over TLS (needs its programs, and openssl)', () => {
  beforeAll(async () => {
    await cluster?.start();
    await query('create role app login');
    await query('create database app owner app');
  });
  afterAll(async () => {
    await cluster?.remove();
    await rm(folder, { recursive: true });
  });

  test('[PG24] a server does all its work over TLS, and whatever asks for TLS checks the certificate', async () => {
    for (const mode of ['verify-full', 'require']) {
      const server = await createServerProcess(url(`?sslmode=${mode}&sslrootcert=${certificates?.ca}`), {
        DIMMER_LOG_LEVEL: 'info',
        NODE_NO_WARNINGS: '0',
      });
      await server.start();
      const flags = `${server.url}/api/v1/projects/default/flags`;
      const headers = { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' };
      const made = await fetch(flags, { method: 'POST', headers, body: JSON.stringify({ key: mode }) });
      expect(made.status).toBe(201);
      const [connections] = await query(
        `select count(*) filter (where ssl)::int as safe, count(*) filter (where not ssl)::int as open
           from pg_stat_ssl join pg_stat_activity using (pid) where usename = 'app'`,
      );
      expect(connections).toMatchObject({ safe: expect.toSatisfy((safe: number) => safe >= 3), open: 0 });
      await server.end('SIGTERM');
      expect(server.output()).toContain('commits of other servers are heard');
      expect(server.output()).not.toMatch(/warning/i);
    }
  });

  test.each([
    ['no TLS at all', '', 'add ?sslmode=verify-full'],
    ['an authority that nobody knows', '?sslmode=require', 'sslrootcert=<file>'],
    ['a mode that is none', '?sslmode=verify_full', 'sslmode is "verify_full" where one of disable, '],
  ])('[PG24] a start with %s ends, and says what to do', async (_, query, remedy) => {
    await expect(opened(url(query))).rejects.toThrow(remedy);
  });

  test('[PG24] a certificate of another name is not taken, and the remedy is the name', async () => {
    const other = url(`?sslmode=verify-full&sslrootcert=${certificates?.ca}`).replace(
      '127.0.0.1',
      'localhost',
    );
    await expect(opened(other)).rejects.toThrow('a host name that is in the certificate');
  });

  test('[PG24] the doctor looks through TLS too, and has the same remedies', async () => {
    const trusted = url(`?sslmode=verify-ca&sslrootcert=${certificates?.ca}`);
    expect(await inspectPostgres(trusted, systemClock)).toMatchObject({ kind: 'postgres', user: 'app' });
    expect(await inspectPostgres(url('?sslmode=prefer'), systemClock)).toMatchObject({
      kind: 'unreachable',
      remedy: expect.stringContaining('sslrootcert=<file>'),
    });
  });
});

function url(query: string): string {
  return `postgres://app@127.0.0.1:${cluster?.port}/app${query}`;
}

function opened(databaseUrl: string): Promise<unknown> {
  return openPostgresStorage({ url: databaseUrl, clock: systemClock, schedule: systemSchedule });
}

async function query(text: string): Promise<unknown[]> {
  const client = new Client({ connectionString: cluster?.url() });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

async function clusterWith({ cert, key }: Certificates): Promise<PostgresCluster | undefined> {
  const rules = join(folder, 'pg_hba.conf');
  await writeFile(rules, RULES);
  // PostgreSQL takes no key that others may read.
  await chmod(key, 0o600);
  await chmod(folder, 0o755);
  const owner = await postgresOwner();
  if (owner !== undefined) await chown(key, owner.uid, owner.gid);
  return createPostgresCluster([
    'ssl = on',
    `ssl_cert_file = ${cert}`,
    `ssl_key_file = ${key}`,
    `hba_file = ${rules}`,
  ]);
}
