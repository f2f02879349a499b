import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSettings } from '@dimmer/server';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { freePort } from '../faults/server-process.ts';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const WAIT = { timeout: 60_000, interval: 100 };
/** Nobody, as Linux calls it: a user without rights. Root alone may become another user. */
const NOBODY = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

const dockerfile = readFileSync(at('deploy/Dockerfile'), 'utf8');
const instructions = dockerfile
  .replaceAll('\\\n', ' ')
  .split('\n')
  .filter((line) => /^[A-Z]+ /.test(line));
const argumentsOf = (instruction: string): readonly string[] =>
  instructions
    .filter((line) => line.startsWith(`${instruction} `))
    .map((line) => line.slice(instruction.length + 1));
/** The list of an instruction in exec form, which runs without a shell. */
const execForm = (text: string | undefined): readonly string[] =>
  JSON.parse(text?.slice(text.indexOf('[')) ?? '[]') as string[];

describe('what is deployed', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'dimmer-deploy-'));
    chmodSync(folder, 0o755);
    const [, ...args] = execForm(argumentsOf('RUN').find((text) => text.includes('assemble')));
    // The step of the Dockerfile, into another folder.
    const { status, stderr } = spawnSync(process.execPath, [...args.slice(0, -1), join(folder, 'app')], {
      cwd: at('.'),
      encoding: 'utf8',
    });
    expect(`${stderr}${status}`).toMatch(/0$/);
  }, 300_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  test('[P22] is compiled code with production dependencies, and nothing to build or test with', () => {
    const has = (path: string): boolean => existsSync(join(folder, 'app', path));
    for (const path of ['bin/dimmer.js', 'dist/main.js', 'migrations/sqlite', 'node_modules/better-sqlite3'])
      expect([path, has(path)]).toEqual([path, true]);
    for (const path of [
      'src',
      'node_modules/vitest',
      'node_modules/@electric-sql',
      'node_modules/@dimmer/schema/src',
    ])
      expect([path, has(path)]).toEqual([path, false]);
    expect(has('node_modules/@dimmer/schema/dist/index.js')).toBe(true);
  });

  test('[P22] starts as a user without rights, is healthy by the check of the image, and drains at SIGTERM', async () => {
    mkdirSync(join(folder, 'data'));
    if (NOBODY.uid !== undefined) chownSync(join(folder, 'data'), NOBODY.uid, NOBODY.gid);
    const port = await freePort();
    const env = {
      PATH: process.env['PATH'],
      DIMMER_PORT: String(port),
      DIMMER_DRAIN_ACCEPT_MS: '0',
      DIMMER_DRAIN_SPREAD_MS: '0',
    };
    const [, script = ''] = execForm(argumentsOf('ENTRYPOINT')[0]);
    const command = [script.replace(/^\/app/, join(folder, 'app')), ...execForm(argumentsOf('CMD')[0])];
    const server = spawn(process.execPath, command, {
      env,
      cwd: join(folder, argumentsOf('WORKDIR').at(-1) ?? ''),
      stdio: 'pipe',
      ...NOBODY,
    });
    const ended = once(server, 'exit');
    let output = '';
    for (const stream of [server.stdout, server.stderr])
      stream.on('data', (part) => {
        output += String(part);
      });
    try {
      await vi.waitFor(() => expect(output).toContain(`http://127.0.0.1:${port}`), WAIT);
      const health = execForm(argumentsOf('HEALTHCHECK')[0]?.replace(/^.*CMD /, ''));
      const isHealthy = (): void =>
        expect(spawnSync(process.execPath, health.slice(1), { env }).status).toBe(0);
      await vi.waitFor(isHealthy, WAIT);
      server.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
      expect(existsSync(join(folder, argumentsOf('VOLUME')[0] ?? '', 'dimmer.db'))).toBe(true);
      expect(spawnSync(process.execPath, health.slice(1), { env }).status).toBe(1);
    } finally {
      server.kill('SIGKILL');
      await ended;
    }
  }, 240_000);
});

describe('the Dockerfile', () => {
  test('[P23] is built from a version that is pinned, and runs without a shell, as no root', () => {
    const bases = argumentsOf('FROM').map((text) => text.split(' ')[0]);
    expect(new Set(bases).size).toBe(1);
    expect(bases[0]).toMatch(/^node:\d+\.\d+\.\d+-[a-z]+-slim$/);
    expect(argumentsOf('USER').at(-1)).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    expect(execForm(argumentsOf('ENTRYPOINT')[0])).toEqual(['node', '/app/bin/dimmer.js']);
    expect(execForm(argumentsOf('CMD')[0])).toEqual(['serve']);
    expect(argumentsOf('STOPSIGNAL')).toEqual(['SIGTERM']);
    expect(argumentsOf('HEALTHCHECK')).toHaveLength(1);
  });

  test('[P23] its version of Node is one that the server supports', () => {
    const [major = 0, minor = 0] = (/node:(\d+)\.(\d+)/.exec(dockerfile)?.slice(1) ?? []).map(Number);
    const { engines } = JSON.parse(readFileSync(at('package.json'), 'utf8')) as { engines: { node: string } };
    expect(engines.node).toBe('>=20.19.0');
    expect(major > 20 || (major === 20 && minor >= 19)).toBe(true);
  });
});

interface ComposeService {
  readonly image: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly healthcheck: { readonly test: readonly string[] };
  readonly stop_grace_period: string;
  readonly ports?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

describe('the file for Compose', () => {
  const { services } = parse(readFileSync(at('deploy/compose.yml'), 'utf8')) as {
    readonly services: Readonly<Record<'server' | 'database', ComposeService>>;
  };

  test('[P23] waits longer for the server than a drain takes, and starts it after its database', () => {
    const { environment, stop_grace_period: grace, depends_on } = services.server;
    const { DIMMER_DATABASE_URL: _, ...settings } = environment;
    const parsed = parseSettings(settings);
    if (!parsed.ok) throw new TypeError('the settings are refused');
    const { drainAcceptMs, drainSpreadMs } = parsed.settings;
    expect(Number.parseInt(grace, 10) * 1_000).toBeGreaterThan(drainAcceptMs + drainSpreadMs + 5_000);
    expect(depends_on).toEqual({ database: { condition: 'service_healthy' } });
  });

  test('[P23] opens the server to this machine alone, checks both, and holds no password', () => {
    expect(services.server.ports).toEqual(['127.0.0.1:4400:4400']);
    expect(services.database.ports).toBeUndefined();
    expect(services.server.healthcheck.test.join(' ')).toContain('/readyz');
    expect(services.database.healthcheck.test).toContain('pg_isready');
    expect(services.database.image).toMatch(/^postgres:\d+\.\d+-/);
    expect(services.database.environment['POSTGRES_PASSWORD']).toMatch(/^\$\{DIMMER_DATABASE_PASSWORD:\?/);
    expect(services.server.environment['DIMMER_DATABASE_URL']).toContain(':${DIMMER_DATABASE_PASSWORD:?');
  });
});

describe('the unit for systemd', () => {
  const unit = readFileSync(at('deploy/systemd/dimmer.service'), 'utf8');
  const has = spawnSync('systemd-analyze', ['--version']).error === undefined;
  if (!has) process.stderr.write('Skipped: systemd-analyze is missing.\n');

  test('[P23] waits longer than a drain takes, and does not start again on settings that are refused', () => {
    const variables = Object.fromEntries(
      [...unit.matchAll(/^Environment=(DIMMER_\w+)=(.*)$/gm)].map(([, name, value]) => [name ?? '', value]),
    );
    const parsed = parseSettings(variables);
    if (!parsed.ok) throw new TypeError('the settings are refused');
    const timeout = Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1]);
    expect(timeout * 1_000).toBeGreaterThan(
      parsed.settings.drainAcceptMs + parsed.settings.drainSpreadMs + 5_000,
    );
    expect(unit).toContain('RestartPreventExitStatus=2');
  });

  test.skipIf(!has)('[P23] systemd takes it, and finds it little exposed', () => {
    const folder = mkdtempSync(join(tmpdir(), 'dimmer-unit-'));
    const path = join(folder, 'dimmer.service');
    // Node lies elsewhere on this machine, and systemd looks whether it is there.
    writeFileSync(path, unit.replace('/usr/bin/node', process.execPath));
    const verified = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' });
    const judged = spawnSync('systemd-analyze', ['security', '--offline=true', '--threshold=20', path], {
      encoding: 'utf8',
    });
    rmSync(folder, { recursive: true });
    expect(`${verified.stderr}${verified.status}`).toBe('0');
    expect(judged.status).toBe(0);
  });
});
