import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

/** What becomes true by itself, and at once on a machine that has nothing else to do. */
const PATIENTLY = { timeout: 20_000 };

const COMMAND = fileURLToPath(new URL('../bin/dimmer.js', import.meta.url));

interface Program {
  readonly pid: number | undefined;
  out(): string;
  err(): string;
  kill(signal: NodeJS.Signals): void;
  readonly exit: Promise<number | null>;
}

let folder: string;
const programs: Program[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dimmer-main-'));
});
afterEach(async () => {
  for (const program of programs.splice(0)) {
    program.kill('SIGKILL');
    await program.exit;
  }
  await rm(folder, { recursive: true });
});

function dimmer(args: readonly string[], variables: Record<string, string> = {}): Program {
  const child = spawn(process.execPath, [COMMAND, ...args], {
    env: {
      PATH: process.env['PATH'],
      DIMMER_PORT: '0',
      DIMMER_DRAIN_ACCEPT_MS: '0',
      DIMMER_DRAIN_SPREAD_MS: '0',
      DIMMER_DATABASE_URL: `file:${folder}/dimmer.db`,
      ...variables,
    },
  });
  const [out, err]: [string[], string[]] = [[], []];
  child.stdout.on('data', (chunk) => out.push(String(chunk)));
  child.stderr.on('data', (chunk) => err.push(String(chunk)));
  const exit = once(child, 'close').then(([code]) => code as number | null);
  const program = {
    pid: child.pid,
    out: () => out.join(''),
    err: () => err.join(''),
    kill: (signal: NodeJS.Signals) => void child.kill(signal),
    exit,
  };
  programs.push(program);
  return program;
}

async function listening(program: Program): Promise<string> {
  return vi.waitFor(
    () => {
      const url = /listens on (\S+)/.exec(program.out())?.[1];
      if (url === undefined) throw new Error(`not listening: ${program.err()}`);
      return url;
    },
    { timeout: 20_000 },
  );
}

test('[A88] dimmer serve prints where it listens, its new keys, and a line that works', async () => {
  const server = dimmer(['serve']);
  const url = await listening(server);
  const [, header = '', target = ''] = /curl -H '([^']+)' (\S+)/.exec(server.out()) ?? [];
  const [name = '', value = ''] = header.split(': ');
  expect(target.startsWith(url)).toBe(true);
  expect((await fetch(target, { headers: { [name]: value } })).status).toBe(200);
  const secrets = server.out().match(/dim_(adm|srv)_\w+/g) ?? [];
  expect(new Set(secrets).size).toBe(2);
  for (const secret of secrets) expect(server.err()).not.toContain(secret);
  const started = /"settings":\{"DIMMER_HOST":"127\.0\.0\.1","DIMMER_PORT":"0",.*"msg":"started"/;
  await vi.waitFor(() => expect(server.err()).toMatch(started), PATIENTLY);
  server.kill('SIGTERM');
  expect(await server.exit).toBe(0);
});

test('[A88] a restart keeps the data and shows no key again', async () => {
  const first = dimmer(['serve']);
  await listening(first);
  first.kill('SIGINT');
  expect(await first.exit).toBe(0);
  const second = dimmer(['serve']);
  await listening(second);
  expect(second.out()).not.toContain('dim_adm_');
  second.kill('SIGTERM');
  expect(await second.exit).toBe(0);
});

test('[A88] a second process on the same database is refused in one line', async () => {
  const first = dimmer(['serve']);
  await listening(first);
  const second = dimmer(['serve']);
  expect(await second.exit).toBe(1);
  expect(second.err()).toContain(`process ${first.pid}`);
  expect(second.err().trim().split('\n')).toHaveLength(1);
});

test('[A14] a first start that finds its port taken shows its keys all the same', async () => {
  const first = dimmer(['serve']);
  const { port } = new URL(await listening(first));
  const second = dimmer(['serve', '--port', port, '--database', `file:${folder}/other.db`]);
  expect(await second.exit).toBe(1);
  expect(second.err()).toContain(`Port ${port} of 127.0.0.1 is taken.`);
  expect(second.out()).toMatch(/admin key {3}dim_adm_\w+/);
});

test('[M30] a database file that cannot be opened ends the start with one line', async () => {
  // A folder is no file, whoever asks: root as well.
  const server = dimmer(['serve'], { DIMMER_DATABASE_URL: `file:${folder}` });
  expect(await server.exit).toBe(1);
  expect(server.err().trim().split('\n')).toHaveLength(1);
  expect(server.err()).toContain('It must be a file that the user of this process');
});

test('[M30] a certificate that is not there ends the start with one line', async () => {
  const server = dimmer(['serve'], {
    DIMMER_DATABASE_URL: `postgres://dimmer@127.0.0.1/dimmer?sslmode=verify-full&sslrootcert=${folder}/none.pem`,
  });
  expect(await server.exit).toBe(1);
  expect(server.err().trim().split('\n')).toHaveLength(1);
  expect(server.err()).toContain('sslrootcert');
});

test('[O2] an option with a slip is named before one that is missing', async () => {
  const kill = dimmer(['kill', 'checkout', '--raeson', 'x']);
  expect(await kill.exit).toBe(2);
  expect(kill.err()).toContain("unknown option '--raeson'");
  expect(kill.err()).toContain('Did you mean --reason?');
  const silent = dimmer(['kill', 'checkout']);
  expect(await silent.exit).toBe(2);
  expect(silent.err()).toContain("required option '--reason <text>' not specified");
});

test('[A91] SIGTERM drains, SIGINT does not, and a second signal waits for nothing', async () => {
  const patient = { DIMMER_DRAIN_ACCEPT_MS: '60000' };
  const hurried = dimmer(['serve'], patient);
  const url = await listening(hurried);
  hurried.kill('SIGTERM');
  await vi.waitFor(async () => expect((await fetch(`${url}/readyz`)).status).toBe(503), PATIENTLY);
  hurried.kill('SIGTERM');
  expect(await hurried.exit).toBe(1);

  const closed = dimmer(['serve'], patient);
  await listening(closed);
  closed.kill('SIGINT');
  expect(await closed.exit).toBe(0);
});

test('[A80] settings that are refused end with exit code 2 and a line for each', async () => {
  const program = dimmer(['serve', '--port', 'http'], { DIMMER_METRICS: 'maybe' });
  expect(await program.exit).toBe(2);
  expect(program.err()).toMatch(/DIMMER_PORT must .*\n {2}DIMMER_METRICS must /);
});

test('[A83] each command takes variables as files, and ends with exit code 2 where one cannot be read', async () => {
  const path = join(folder, 'secret');
  const key = `dim_adm_${'Admin0'.repeat(6)}`;
  await writeFile(path, `${key}\n`);
  const server = dimmer(['serve'], { DIMMER_BOOTSTRAP_ADMIN_KEY_FILE: path });
  const url = await listening(server);
  const instances = dimmer(['instances'], { DIMMER_ADMIN_KEY_FILE: path, DIMMER_URL: url });
  expect([await instances.exit, instances.err()]).toEqual([0, '']);
  for (const words of [['serve'], ['relay'], ['doctor'], ['instances'], ['backup', '--to', folder]]) {
    const refused = dimmer(words, {
      DIMMER_DATABASE_URL: '',
      DIMMER_DATABASE_URL_FILE: join(folder, 'none'),
    });
    expect([await refused.exit, refused.out()]).toEqual([2, '']);
    expect(refused.err()).toMatch(
      /^DIMMER_DATABASE_URL_FILE names a file that cannot be read: ENOENT.*Correct the path/,
    );
  }
});

test('[A82] dimmer serve --help lists the settings, and --version the version', async () => {
  const help = dimmer(['serve', '--help']);
  expect(await help.exit).toBe(0);
  expect(help.out()).toContain('DIMMER_HEARTBEAT_MS=15000');
  const version = dimmer(['--version']);
  expect(await version.exit).toBe(0);
  expect(version.out()).toMatch(/^\d+\.\d+\.\d+\n$/);
});
