import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RestHarness } from './rest-harness.ts';
import { ADMIN, openRest, PRODUCTION, PROJECT, problemOf } from './rest-harness.ts';

let rest: RestHarness;
beforeEach(async () => {
  rest = await openRest();
});
afterEach(() => rest.close());

const FLAG = `${PRODUCTION}/flags/checkout`;

async function createFlag(key = 'checkout', fields: object = {}): Promise<void> {
  const created = await rest.ask(`POST ${PROJECT}/flags`, { json: { key, ...fields } });
  expect(created.status).toBe(201);
}

test('[A20] a new project comes with production, staging and development', async () => {
  const created = await rest.ask('POST /api/v1/projects', { json: { key: 'shop' } });
  expect(created.status).toBe(201);
  expect(created.body).toMatchObject({ key: 'shop', name: 'shop', version: 1, revision: 0 });
  expect(created.body.environments).toEqual(['production', 'staging', 'development']);
  const read = await rest.ask('GET /api/v1/projects/shop');
  expect(read.headers.get('etag')).toBe('"1"');
  const patched = await rest.ask('PATCH /api/v1/projects/shop', {
    json: { name: 'Shop' },
    headers: { 'if-match': '"1"' },
  });
  expect(patched.body).toMatchObject({ name: 'Shop', version: 2 });
  const list = await rest.ask('GET /api/v1/projects');
  expect(list.body.items.map((project: { key: string }) => project.key)).toEqual(['default', 'shop']);
});

test('[A20] an environment is created as a copy, renamed and read with its revision as ETag', async () => {
  await createFlag();
  await rest.ask(`PATCH ${FLAG}`, { json: { enabled: true } });
  const created = await rest.ask(`POST ${PROJECT}/environments`, {
    json: { key: 'preview', copyFrom: 'production' },
  });
  expect(created.status).toBe(201);
  const copied = await rest.ask(`GET ${PROJECT}/environments/preview/flags/checkout`);
  expect(copied.body.enabled).toBe(true);
  const patched = await rest.ask(`PATCH ${PROJECT}/environments/preview`, { json: { name: 'Preview' } });
  expect(patched.body.name).toBe('Preview');
  const read = await rest.ask(`GET ${PROJECT}/environments/preview`);
  expect(read.headers.get('etag')).toBe(`"${read.body.revision}"`);
  const list = await rest.ask(`GET ${PROJECT}/environments`);
  expect(list.body.items).toHaveLength(4);
});

test('[A21] every successful write answers with a revision and an ETag', async () => {
  const writes: [route: string, json: unknown][] = [
    [`POST ${PROJECT}/flags`, { key: 'checkout', tags: ['pay'] }],
    [`PATCH ${PROJECT}/flags/checkout`, { description: 'the new one' }],
    [`PATCH ${FLAG}`, { enabled: true }],
    [`POST ${FLAG}/kill`, { reason: 'payments time out' }],
    [`POST ${FLAG}/restore`, {}],
    [`POST ${PRODUCTION}/kill`, { tag: 'pay', reason: 'again' }],
    [`POST ${PRODUCTION}/segments`, { key: 'beta', included: ['user-1'] }],
    [`PATCH ${PRODUCTION}/segments/beta`, { included: ['user-2'] }],
    [`POST ${PRODUCTION}/changes`, { edits: [{ edit: 'restore', flag: 'checkout' }] }],
    [`POST ${PRODUCTION}/revert`, { to: 2 }],
    [`PUT ${PRODUCTION}/state`, { flags: [], segments: [] }],
    [`POST ${PRODUCTION}/keys`, { name: 'web', kind: 'client' }],
    ['POST /api/v1/keys', { name: 'ops', role: 'editor' }],
    ['POST /api/v1/projects', { key: 'shop' }],
    ['PATCH /api/v1/projects/shop', { name: 'Shop' }],
    [`POST ${PROJECT}/environments`, { key: 'preview' }],
    [`PATCH ${PROJECT}/environments/preview`, { name: 'Preview' }],
    [`DELETE ${PROJECT}/flags/checkout`, undefined],
  ];
  for (const [route, json] of writes) {
    const answer = await rest.ask(route, json === undefined ? {} : { json });
    expect([route, answer.status], JSON.stringify(answer.body)).toEqual([route, expect.toSatisfy(isSuccess)]);
    expect([route, answer.body.revision]).toEqual([route, expect.any(Number)]);
    expect([route, answer.headers.get('etag')]).toEqual([route, expect.stringMatching(/^".+"$/)]);
  }
});

test('[A22] a PATCH replaces the top-level fields that it names and nothing else', async () => {
  await createFlag();
  await rest.ask(`PATCH ${FLAG}`, { json: { fallthrough: { rollout: { weights: { on: 10, off: 90 } } } } });
  const patched = await rest.ask(`PATCH ${FLAG}`, { json: { enabled: true } });
  expect(patched.body).toMatchObject({ enabled: true, version: 3, revision: 3 });
  expect(patched.body.fallthrough.rollout.weights).toEqual({ on: 10, off: 90 });
});

test('[A23] a configuration that was read can be edited and put back under its ETag', async () => {
  await createFlag();
  const read = await rest.ask(`GET ${FLAG}`);
  const put = await rest.ask(`PUT ${FLAG}`, {
    json: { ...read.body, enabled: true },
    headers: { 'if-match': read.headers.get('etag') ?? '' },
  });
  expect(put.body).toMatchObject({ enabled: true, revision: 2 });
});

test('[A23] a PUT without If-Match is refused, and one with a stale ETag is told the current one', async () => {
  await createFlag();
  const read = await rest.ask(`GET ${FLAG}`);
  const bare = await rest.ask(`PUT ${FLAG}`, { json: read.body });
  expect(problemOf(bare)).toMatchObject({
    status: 428,
    code: 'PRECONDITION_REQUIRED',
    remedy: expect.stringContaining('If-Match'),
  });
  await rest.ask(`PATCH ${FLAG}`, { json: { enabled: true } });
  const stale = await rest.ask(`PUT ${FLAG}`, { json: read.body, headers: { 'if-match': '"1"' } });
  expect(problemOf(stale)).toMatchObject({
    status: 412,
    code: 'PRECONDITION_FAILED',
    detail: expect.stringContaining('"2"'),
  });
  expect(await rest.revision()).toBe(2);
});

test('[A23] If-None-Match: * creates what is absent and refuses what is there', async () => {
  const segment = { included: ['user-1'] };
  const headers = { 'if-none-match': '*' };
  const created = await rest.ask(`PUT ${PRODUCTION}/segments/beta`, { json: segment, headers });
  expect(created.body).toMatchObject({ key: 'beta', included: ['user-1'] });
  const again = await rest.ask(`PUT ${PRODUCTION}/segments/beta`, { json: segment, headers });
  expect(again.status).toBe(412);
});

test('[A23] a stale If-Match is refused on every conditional write', async () => {
  await createFlag();
  await rest.ask(`POST ${PRODUCTION}/segments`, { json: { key: 'beta' } });
  const writes: [route: string, json?: unknown][] = [
    [`PATCH ${PROJECT}`, { name: 'x' }],
    [`PATCH ${PRODUCTION}`, { name: 'x' }],
    [`PATCH ${PROJECT}/flags/checkout`, { name: 'x' }],
    [`DELETE ${PROJECT}/flags/checkout`],
    [`PATCH ${FLAG}`, { enabled: true }],
    [`PATCH ${PRODUCTION}/segments/beta`, { included: ['x'] }],
    [`DELETE ${PRODUCTION}/segments/beta`],
    [`POST ${PRODUCTION}/changes`, { edits: [{ edit: 'archiveFlag', key: 'checkout' }] }],
    [`PUT ${PRODUCTION}/state`, {}],
    [`POST ${PRODUCTION}/revert`, { to: 0 }],
  ];
  const before = await rest.revision();
  for (const [route, json] of writes) {
    const answer = await rest.ask(route, {
      ...(json !== undefined && { json }),
      headers: { 'if-match': '"999"' },
    });
    expect([route, answer.body.code]).toEqual([route, 'PRECONDITION_FAILED']);
  }
  expect(await rest.revision()).toBe(before);
});

test('[A24] a GET with the current ETag answers 304 without a body', async () => {
  await createFlag();
  for (const path of [PROJECT, PRODUCTION, `${PROJECT}/flags/checkout`, FLAG]) {
    const etag = (await rest.ask(`GET ${path}`)).headers.get('etag') ?? '';
    const unchanged = await rest.ask(`GET ${path}`, { headers: { 'if-none-match': `W/${etag}` } });
    expect([path, unchanged.status, unchanged.body]).toEqual([path, 304, null]);
  }
});

test('[A25] a kill is unconditional and the same however often it is sent', async () => {
  await createFlag();
  const kill = { json: { reason: 'payments time out' }, headers: { 'if-match': '"999"' } };
  const first = await rest.ask(`POST ${FLAG}/kill`, kill);
  expect(first.body).toMatchObject({ kill: { reason: 'payments time out' }, revision: 2 });
  const second = await rest.ask(`POST ${FLAG}/kill`, kill);
  expect(second.status).toBe(200);
  expect(await rest.revision()).toBe(2);
  const restored = await rest.ask(`POST ${FLAG}/restore`);
  expect(restored.body).toMatchObject({ kill: null, revision: 3 });
});

test('[A26] lists are filtered and paged by an opaque cursor', async () => {
  for (const key of ['alpha', 'beta', 'gamma', 'delta'])
    await createFlag(key, { tags: key === 'delta' ? ['x'] : [] });
  await rest.ask(`DELETE ${PROJECT}/flags/gamma`);
  const keysOf = (page: { items: { key: string }[] }): string[] => page.items.map(({ key }) => key);
  const first = await rest.ask(`GET ${PROJECT}/flags?limit=2`);
  expect(keysOf(first.body)).toEqual(['alpha', 'beta']);
  const second = await rest.ask(`GET ${PROJECT}/flags?limit=2&cursor=${first.body.next}`);
  expect(keysOf(second.body)).toEqual(['delta']);
  expect(second.body.next).toBeUndefined();
  expect(keysOf((await rest.ask(`GET ${PROJECT}/flags?tag=x`)).body)).toEqual(['delta']);
  expect(keysOf((await rest.ask(`GET ${PROJECT}/flags?state=archived`)).body)).toEqual(['gamma']);
  expect(keysOf((await rest.ask(`GET ${PROJECT}/flags?q=LPH`)).body)).toEqual(['alpha']);
  expect(problemOf(await rest.ask(`GET ${PROJECT}/flags?cursor=nonsense`)).issues?.[0]?.path).toBe(
    'query.cursor',
  );
});

test('[A27] history goes newest first by cursor, and oldest first after a revision', async () => {
  await createFlag();
  for (const enabled of [true, false, true]) await rest.ask(`PATCH ${FLAG}`, { json: { enabled } });
  const revisionsOf = (page: { items: { revision: number }[] }): number[] =>
    page.items.map(({ revision }) => revision);
  const first = await rest.ask(`GET ${PRODUCTION}/revisions?limit=3`);
  expect(revisionsOf(first.body)).toEqual([4, 3, 2]);
  const rest2 = await rest.ask(`GET ${PRODUCTION}/revisions?limit=3&cursor=${first.body.next}`);
  expect(revisionsOf(rest2.body)).toEqual([1]);
  const ascending = await rest.ask(`GET ${PRODUCTION}/revisions?after=1&limit=2`);
  expect(revisionsOf(ascending.body)).toEqual([2, 3]);
  const onwards = await rest.ask(`GET ${PRODUCTION}/revisions?after=1&limit=2&cursor=${ascending.body.next}`);
  expect(revisionsOf(onwards.body)).toEqual([4]);
  expect((await rest.ask(`GET ${PRODUCTION}/revisions?flag=other`)).body.items).toEqual([]);
});

test('[A27] a diff takes revisions and times, and says what it cannot reach', async () => {
  await createFlag();
  rest.clock.set(rest.clock.now() + 60_000);
  await rest.ask(`PATCH ${FLAG}`, { json: { enabled: true } });
  const byRevision = await rest.ask(`GET ${PRODUCTION}/diff?from=1&to=2`);
  expect(byRevision.body).toMatchObject({ from: 1, to: 2, objects: [{ kind: 'flag', key: 'checkout' }] });
  const byTime = await rest.ask(`GET ${PRODUCTION}/diff?from=2026-11-21T09:00:30Z`);
  expect(byTime.body).toEqual(byRevision.body);
  const outside = await rest.ask(`GET ${PRODUCTION}/diff?from=99`);
  expect(problemOf(outside)).toMatchObject({
    code: 'REVISION_NOT_FOUND',
    detail: expect.stringContaining('from revision 0 to 2'),
  });
});

test('[A28] a dry run answers with the change and makes none', async () => {
  await createFlag();
  const declared = await rest.ask(`PUT ${PRODUCTION}/state?dryRun=true`, { json: { flags: [] } });
  expect(declared.body).toMatchObject({ dryRun: true, changed: true });
  expect(declared.body.objects).toHaveLength(1);
  const reverted = await rest.ask(`POST ${PRODUCTION}/revert`, { json: { to: 0, dryRun: true } });
  expect(reverted.body).toMatchObject({ dryRun: true, changed: true });
  expect(await rest.revision()).toBe(1);
});

test('[A28] a revert goes back to a revision or a time', async () => {
  await createFlag();
  rest.clock.set(rest.clock.now() + 60_000);
  await rest.ask(`PATCH ${FLAG}`, { json: { enabled: true } });
  const reverted = await rest.ask(`POST ${PRODUCTION}/revert`, { json: { to: '2026-11-21T09:00:30Z' } });
  expect(reverted.body).toMatchObject({ revision: 3, changed: true });
  expect((await rest.ask(`GET ${FLAG}`)).body.enabled).toBe(false);
});

test('[A29] an explanation reads its own writes and tells every step', async () => {
  await createFlag();
  await rest.ask(`PATCH ${FLAG}`, {
    json: { enabled: true, fallthrough: { rollout: { weights: { on: 50, off: 50 } } } },
  });
  const explained = await rest.ask(`POST ${FLAG}/explain`, { json: { context: { targetingKey: 'user-1' } } });
  expect(explained.body).toMatchObject({
    flag: 'checkout',
    revision: 2,
    evaluation: { reason: 'SPLIT', revision: 2 },
  });
  expect(explained.body.steps.at(-1)).toMatchObject({ bucket: expect.any(Number) });
  const tooLarge = await rest.ask(`POST ${FLAG}/explain`, { json: { context: { a: 'x'.repeat(20_000) } } });
  expect(problemOf(tooLarge)).toMatchObject({ code: 'LIMIT_EXCEEDED', limit: { maximum: 16_384 } });
});

test('[A30] the audit log names what was done, newest first, and holds no secret', async () => {
  await createFlag();
  const issued = await rest.ask(`POST ${PRODUCTION}/keys`, { json: { name: 'web', kind: 'server' } });
  const audit = await rest.ask('GET /api/v1/audit?limit=2');
  expect(audit.body.items.map((entry: { action: string }) => entry.action)).toEqual([
    'key.create',
    'flag.create',
  ]);
  expect(audit.body.next).toBeDefined();
  const all = JSON.stringify((await rest.ask('GET /api/v1/audit')).body);
  expect(all).not.toContain(issued.body.secret);
  expect(all).not.toContain(ADMIN);
});

test('[A31] the log has the request id and the pattern of the route, never a key or a context', async () => {
  await createFlag();
  await rest.ask(`POST ${FLAG}/explain`, {
    json: { context: { targetingKey: 'canary-user' } },
    headers: { 'x-request-id': 'request-of-the-test' },
  });
  const lines = rest.log.join('');
  expect(lines).toContain('request-of-the-test');
  expect(lines).toContain('/api/v1/projects/:project/environments/:environment/flags/:flag/explain');
  expect(lines).not.toContain('canary-user');
  expect(lines).not.toContain(ADMIN);
});

function isSuccess(status: number): boolean {
  return status === 200 || status === 201;
}
