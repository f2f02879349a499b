import { ExportFile } from '@dimmer/schema/rest';
import { systemClock, systemRandom, systemSchedule } from '@dimmer/server';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { exportProjects } from '../../server/src/operator/export.ts';
import type { ImportInput } from '../../server/src/operator/import.ts';
import { importProjects } from '../../server/src/operator/import.ts';
import { runCommand } from '../../server/src/operator/run-command.ts';
import type { Session } from '../../server/src/operator/session.ts';
import type { RestHarness } from './rest-harness.ts';
import { ADMIN, openRest, PRODUCTION, PROJECT } from './rest-harness.ts';

let here: RestHarness;
let there: RestHarness;
beforeEach(async () => {
  [here, there] = [await openRest(), await openRest()];
  await furnish(here);
});
afterEach(() => Promise.all([here.close(), there.close()]));

/** Some of everything that an export holds. */
async function furnish({ ask }: RestHarness): Promise<void> {
  const made = [
    await ask(`POST ${PROJECT}/flags`, {
      json: {
        key: 'checkout',
        tags: ['Kasse'],
        owner: 'Zoë',
        description: 'Größe ≥ 2',
        exposeToClients: true,
      },
    }),
    await ask(`POST ${PROJECT}/flags`, {
      json: {
        key: 'limits',
        type: 'json',
        variations: { small: { value: { n: [1, null, 'ä'] }, name: 'Klein' }, large: { value: { n: [] } } },
        valueSchema: { type: 'object', required: ['n'] },
        metadata: { team: 'core', weight: 1.5, beta: true },
        expectedLifetimeDays: 30,
      },
    }),
    await ask(`POST ${PROJECT}/flags`, { json: { key: 'old' } }),
    await ask(`PATCH ${PRODUCTION}/flags/old`, { json: { enabled: true } }),
    await ask(`POST ${PRODUCTION}/flags/old/kill`, { json: { reason: 'it was bad' } }),
    await ask(`DELETE ${PROJECT}/flags/old`),
    await ask(`POST ${PRODUCTION}/segments`, {
      json: {
        key: 'beta',
        included: ['user-1'],
        when: { not: { attribute: 'plan', op: 'in', values: ['free'] } },
      },
    }),
    ...(await rollouts({ ask }, [10, 25, 60, 33.333])),
    await ask(`POST ${PRODUCTION}/flags/limits/kill`, {
      json: { reason: 'too large', expiresAt: '2026-11-22T09:00:00Z' },
    }),
    await ask(`POST ${PROJECT}/environments`, { json: { key: 'preview', copyFrom: 'production' } }),
    await ask(`PATCH ${PRODUCTION}`, { json: { name: 'Production (EU)', secureMode: true } }),
    await ask('POST /api/v1/projects', { json: { key: 'blog', description: 'another' } }),
    await ask('POST /api/v1/projects/blog/flags', { json: { key: 'dark' } }),
  ];
  expect(made.map(({ status }) => status).filter((status) => status >= 300)).toEqual([]);
}

async function rollouts({ ask }: Pick<RestHarness, 'ask'>, shares: readonly number[]) {
  const answers = [];
  for (const on of shares) {
    const serve = { rollout: { by: 'organization.id', weights: { on, off: 100 - on } } };
    const rules = [{ id: 'beta', when: { segment: 'beta' }, serve }];
    const json = { enabled: true, rules, fallthrough: { rollout: { weights: { on, off: 100 - on } } } };
    answers.push(await ask(`PATCH ${PRODUCTION}/flags/checkout`, { json }));
  }
  return answers;
}

interface Run {
  readonly exitCode: number;
  readonly out: string;
  readonly notes: string;
  /** What was sent that writes, as `POST /path`. */
  readonly writes: readonly string[];
}

/** Runs a command against a server; the nth write from 1 may be answered by a proxy that has lost it. */
async function run(
  { app }: RestHarness,
  act: (session: Session) => Promise<Awaited<ReturnType<typeof exportProjects>>>,
  lostFrom = Number.POSITIVE_INFINITY,
): Promise<Run> {
  const [out, notes, writes]: [string[], string[], string[]] = [[], [], []];
  const exitCode = await runCommand(
    {
      variables: { DIMMER_ADMIN_KEY: ADMIN, DIMMER_URL: 'http://dimmer.test' },
      terminal: {
        out: (line) => void out.push(line),
        note: (line) => void notes.push(line),
        rewrite: () => {},
        canRewrite: false,
        paint: (_tone, text) => text,
      },
      fetch: async (url, init) => {
        const request = new Request(url, init);
        const { pathname, search } = new URL(request.url);
        if (request.method !== 'GET' && search === '') {
          writes.push(`${request.method} ${pathname}`);
          if (writes.length >= lostFrom) return new Response('bad gateway', { status: 502 });
        }
        return app.fetch(request);
      },
      clock: systemClock,
      random: systemRandom,
      pause: async () => {},
      schedule: systemSchedule,
      interrupted: new AbortController().signal,
    },
    { retry: 1 },
    act,
  );
  return { exitCode, out: out.join('\n'), notes: notes.join('\n'), writes };
}

async function exported(harness: RestHarness, input = {}): Promise<ExportFile> {
  const { out, exitCode } = await run(harness, (session) =>
    exportProjects(session, { history: false, ...input }),
  );
  expect(exitCode).toBe(0);
  return ExportFile.parse(JSON.parse(out));
}

function importing(
  harness: RestHarness,
  file: object,
  options: Partial<ImportInput> = {},
  lostFrom?: number,
): Promise<Run> {
  const input = { name: 'file.json', text: JSON.stringify(file), dryRun: false, replace: false };
  return run(
    harness,
    (session) => importProjects(session, { ...input, includeKills: false, ...options }),
    lostFrom,
  );
}

async function revisions({ storage }: RestHarness): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const { project, environment } of await storage.environments()) {
    const state = (await storage.read(project))?.environments.get(environment);
    found[`${project}/${environment}`] = state?.revision ?? -1;
  }
  return found;
}

describe('export', () => {
  test('[MV6] is of the documented form, and has everything but keys', async () => {
    const file = await exported(here);
    expect(file.projects.map(({ key }) => key)).toEqual(['blog', 'default']);
    expect(file.exported.revisions['default/production']).toBe(await here.revision());
    const project = file.projects[1];
    expect(project?.flags.map(({ key, archived }) => [key, archived])).toEqual([
      ['checkout', false],
      ['limits', false],
      ['old', true],
    ]);
    const production = project?.environments.find(({ key }) => key === 'production');
    expect(production).toMatchObject({ name: 'Production (EU)', secureMode: true });
    expect(production?.configurations.map(({ flag, kill }) => [flag, kill?.reason])).toEqual([
      ['checkout', undefined],
      ['limits', 'too large'],
      ['old', 'it was bad'],
    ]);
    expect(JSON.stringify(file)).not.toContain('dim_');
  });

  test('[MV6] of one project only, or of none that is not there', async () => {
    expect((await exported(here, { project: 'blog' })).projects.map(({ key }) => key)).toEqual(['blog']);
    const missing = await run(here, (session) => exportProjects(session, { project: 'x', history: false }));
    expect(missing).toMatchObject({ exitCode: 1, out: '' });
  });

  test('[MV6] reads again where a flag changes meanwhile, and gives up where it never rests', async () => {
    let reads = 0;
    const edit = async (every: boolean, { app }: RestHarness): Promise<RestHarness['app']> => ({
      ...app,
      fetch: async (request, env) => {
        reads += 1;
        if (request.url.endsWith('/state') && (every || reads < 5)) {
          const json = { description: `edit ${reads}` };
          await here.ask(`PATCH ${PROJECT}/flags/checkout`, { json });
        }
        return app.fetch(request, env);
      },
    });
    const input = { project: 'default', history: false };
    const once = await run({ ...here, app: await edit(false, here) }, (session) =>
      exportProjects(session, input),
    );
    expect(once).toMatchObject({ exitCode: 0 });
    expect(once.notes).toContain('Reading them again');
    const always = await run({ ...here, app: await edit(true, here) }, (session) =>
      exportProjects(session, input),
    );
    expect(always).toMatchObject({ exitCode: 1, out: '' });
    expect(always.notes).toContain('dimmer backup');
  });

  test('[MV10] with its history, which an import leaves alone', async () => {
    const file = await exported(here, { history: true });
    const history = file.projects[1]?.environments.find(({ key }) => key === 'production')?.history;
    expect(history?.map(({ revision }) => revision)).toEqual(
      Array.from({ length: await here.revision() }, (_, index) => index + 1),
    );
    const { notes, exitCode } = await importing(there, file);
    expect(exitCode).toBe(0);
    expect(notes).toContain('was not imported');
    expect(await there.revision()).toBe(1);
  });
});

describe('import', () => {
  test('[MV7] into an empty server makes the same, in one revision per environment', async () => {
    const file = await exported(here);
    const { exitCode } = await importing(there, file);
    expect(exitCode).toBe(0);
    expect((await exported(there)).projects).toEqual(file.projects);
    expect(Math.max(...Object.values(await revisions(there)))).toBe(1);
  });

  test('[MV7] again, it changes nothing', async () => {
    const file = await exported(here);
    await importing(there, file);
    const before = await revisions(there);
    const { out, exitCode } = await importing(there, file);
    expect(exitCode).toBe(0);
    expect(out.split('\n').every((line) => line.includes('is as in the file already'))).toBe(true);
    expect(await revisions(there)).toEqual(before);
  });

  test('[MV7] a file that lacks what is there is refused, unless it shall replace it', async () => {
    const file = await exported(here);
    await importing(there, file);
    await there.ask(`POST ${PROJECT}/flags`, { json: { key: 'new-here' } });
    const before = await revisions(there);
    const refused = await importing(there, file);
    expect(refused).toMatchObject({ exitCode: 1, writes: [] });
    expect(refused.notes).toContain('default/production: flag new-here');
    expect(refused.notes).toContain('--replace');
    expect(await revisions(there)).toEqual(before);
    expect(await importing(there, file, { replace: true })).toMatchObject({ exitCode: 0 });
    expect((await there.ask(`GET ${PRODUCTION}/flags/new-here`)).status).toBe(404);
  });

  test('[MV7] lifts no kill unless it is told to', async () => {
    const file = await exported(here);
    await importing(there, file);
    await there.ask(`POST ${PRODUCTION}/flags/checkout/kill`, { json: { reason: 'now' } });
    const kill = async () => (await there.ask(`GET ${PRODUCTION}/flags/checkout`)).body.kill;
    await importing(there, file);
    expect(await kill()).toMatchObject({ reason: 'now' });
    await importing(there, file, { includeKills: true });
    expect(await kill()).toBeNull();
  });

  test('[MV8] a dry run tells what would change and writes nothing', async () => {
    const file = await exported(here);
    const first = await importing(there, file, { dryRun: true });
    expect(first).toMatchObject({ exitCode: 0, writes: [] });
    expect(first.out).toContain('blog/production would be made, with 1 of 1 flags and 0 segments.');
    expect(first.out).toContain('flag checkout: comes into the environment');
    expect(first.out).toContain('secureMode: false -> true');
    expect(await revisions(there)).toEqual({
      'default/production': 0,
      'default/staging': 0,
      'default/development': 0,
    });
    await importing(there, file);
    await there.ask(`PATCH ${PRODUCTION}/flags/limits`, { json: { enabled: true } });
    const { out } = await importing(there, file, { dryRun: true });
    expect(out).toContain('enabled: true -> false');
  });

  test('[MV9] a file that is none is refused with the reason, and nothing is sent', async () => {
    for (const [text, reason] of [
      ['{', 'It is not JSON'],
      ['{"flags": []}', 'no "format"'],
      ['{"format": "dimmer-export", "version": 2}', 'version 2'],
      ['{"format": "dimmer-export", "version": 1, "projects": {}}', '$.projects is not a list'],
      ['{"format": "dimmer-export", "version": 1, "projects": [{"key": "a"}]}', '$.projects[0].flags'],
    ] as const) {
      const { exitCode, notes, writes } = await importing(there, {}, { text });
      expect({ exitCode, writes }).toEqual({ exitCode: 2, writes: [] });
      expect(notes).toContain(reason);
    }
  });

  test('[MV9] what the server refuses is told with its place in the file, before anything is written', async () => {
    const file = await exported(here);
    for (const [key, isNew] of [
      ['staging', false],
      ['preview', true],
    ] as const) {
      const broken: ExportFile = JSON.parse(JSON.stringify(file));
      const index =
        broken.projects[1]?.environments.findIndex((environment) => environment.key === key) ?? -1;
      const rule = { attribute: 'a', op: 'matches' as const, values: ['('] };
      const segment = { key: 's', name: 's', description: '', tags: [], by: 'a', included: [], excluded: [] };
      broken.projects[1]?.environments[index]?.segments.push({ ...segment, when: rule });
      const { exitCode, notes, writes } = await importing(there, broken);
      expect(exitCode).toBe(1);
      expect(notes).toContain(`default/${key}: $.projects[1].environments[${index}]`);
      expect(writes.filter((write) => write.endsWith('/state'))).toEqual([]);
      if (!isNew) expect(writes).toEqual([]);
      else expect(notes).toContain('No flag and no segment was changed before that.');
    }
  });

  test('[MV9] one that ends in the middle tells what was written, and can be run again', async () => {
    const file = await exported(here);
    const total = (await importing(there, file, { dryRun: false }, 4)).writes.length;
    expect(total).toBeGreaterThanOrEqual(4);
    const { exitCode, notes } = await importing(there, file, {}, 6);
    expect(exitCode).toBe(4);
    expect(notes).toContain('Nobody knows whether');
    expect(notes).toMatch(/Not as in the file, or not known to be: .*default\/staging/);
    expect(await importing(there, file)).toMatchObject({ exitCode: 0 });
    expect((await exported(there)).projects).toEqual(file.projects);
  });
});

test('[MV5] a declared state may be larger than any other body', async () => {
  const included = Array.from({ length: 60_000 }, (_, user) => `customer-${user}`);
  const segments = ['a', 'b'].map((key) => ({ key, included: included.slice(0, 9_900) }));
  const flags = Array.from({ length: 600 }, (_, index) => ({
    key: `flag-${index}`,
    description: 'x'.repeat(2_000),
    configuration: null,
  }));
  const json = { segments, flags };
  expect(JSON.stringify(json).length).toBeGreaterThan(1_048_576);
  expect((await there.ask(`PUT ${PRODUCTION}/state`, { json })).status).toBe(200);
  const { body } = await there.ask(`GET ${PRODUCTION}/state`);
  expect((await there.ask(`PUT ${PRODUCTION}/state`, { json: body })).body.changed).toBe(false);
  const huge = await there.ask(`PUT ${PRODUCTION}/state`, { text: ' '.repeat(33_554_433) });
  expect(huge).toMatchObject({ status: 413, body: { code: 'BODY_TOO_LARGE' } });
});
