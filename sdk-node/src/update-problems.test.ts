import type { WireObject } from '@dimmer/schema';
import { afterEach, expect, test, vi } from 'vitest';
import { Dimmer } from './client.ts';
import type { DimmerOptions } from './options.ts';
import { systemPlatform } from './platform.ts';
import type { ServerStream, StreamServer } from './stream-server.fixture.ts';
import { fixedFlag, snapshotDocument, streamServer } from './stream-server.fixture.ts';

const user = { targetingKey: 'user-1' };
const on1 = fixedFlag('a', 1, true);
const off2 = fixedFlag('a', 2, false);
/** Real time, a fraction of the patience. */
const platform = {
  ...systemPlatform,
  emitWarning: () => undefined,
  timing: { ...systemPlatform.timing, retryBaseMs: 10, retryMaxMs: 20, refetchMinMs: 20 },
  reportTiming: { ...systemPlatform.reportTiming, everyMs: 30, idleMs: 60 },
};
const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** An update that comes after revision 1, on every stream anew. */
interface Refusal {
  readonly what: string;
  readonly update: (stream: ServerStream) => void;
  readonly options?: Partial<DimmerOptions>;
  readonly told: object;
}

const refusals: readonly Refusal[] = [
  {
    what: 'another digest',
    update: (stream) => stream.commit(2, [off2], [on1]),
    told: { code: 'DIGEST_MISMATCH', epoch: 'e1', from: 1, revision: 2 },
  },
  {
    what: 'a message that is no JSON',
    update: (stream) => stream.raw('event: put\ndata: {"kind":\n\n'),
    told: { code: 'MALFORMED', epoch: 'e1', from: 1, revision: null },
  },
  {
    what: 'a message above the limit',
    update: (stream) => stream.commit(2, [fixedFlag('a', 2, 'x'.repeat(5_000))]),
    options: { limits: { frameBytesMax: 4_000 }, bootstrap: snapshotDocument(1, [on1]) },
    told: { code: 'TOO_LARGE', epoch: 'e1', from: 1, revision: null },
  },
];

test.each(refusals)(
  '[N87] $what is told to the server once, and the flags before are served (SDK-10)',
  async ({ update, options = {}, told }) => {
    const server = await serve((stream) => update(stream.full(1, [on1])));
    const flags = dimmer(server.url, options);
    await flags.ready();
    // Refused several times over, and several reports were sent since the first of them.
    await vi.waitFor(() => expect(server.requests.length).toBeGreaterThan(4), { timeout: 20_000 });
    const reports = server.reports.length;
    await vi.waitFor(() => expect(server.reports.length).toBeGreaterThan(reports + 3), { timeout: 20_000 });
    expect(problemsOf(server)).toMatchObject([told]);
    expect(flags.boolean('a', user, false)).toBe(true);
  },
);

test('[N87] a damaged flag is told of, keeps its last definition, and the others go on (SDK-10)', async () => {
  const damaged = { kind: 'flag', key: 'a', version: 2, type: 'boolean' } as WireObject;
  const b2 = fixedFlag('b', 2, 'blue');
  const server = await serve((stream) => stream.full(1, [on1]).commit(2, [damaged, b2]));
  const flags = dimmer(server.url);
  await vi.waitFor(() => expect(problemsOf(server)).toHaveLength(1), { timeout: 20_000 });
  expect(problemsOf(server)).toMatchObject([{ code: 'DAMAGED', from: 1, revision: 2 }]);
  expect(problemsOf(server)[0]?.message).toMatch(/^flag a came damaged: /);
  expect([flags.boolean('a', user, false), flags.string('b', user, '')]).toEqual([true, 'blue']);
});

test('[N87] a flag that cannot be compiled is told of and serves its off variation (SDK-10)', async () => {
  const defective = { ...on1, version: 2, offVariation: 'off', rules: [null] } as unknown as WireObject;
  const server = await serve((stream) => stream.full(1, [on1]).commit(2, [defective]));
  const flags = dimmer(server.url);
  await vi.waitFor(() => expect(problemsOf(server)).toHaveLength(1), { timeout: 20_000 });
  expect(problemsOf(server)).toMatchObject([{ code: 'DEFECTIVE', from: 1, revision: 2 }]);
  expect(flags.boolean('a', user, true)).toBe(false);
});

async function serve(handler: (stream: ServerStream) => void): Promise<StreamServer> {
  const server = await streamServer(handler);
  cleanups.push(() => server.close());
  return server;
}

function dimmer(url: string, options: Partial<DimmerOptions> = {}): Dimmer {
  const flags = new Dimmer({ url, key: `dim_srv_${'a'.repeat(32)}`, cache: false, ...options }, platform);
  cleanups.push(() => flags.close());
  return flags;
}

function problemsOf({ reports }: StreamServer) {
  return reports.flatMap(({ report }) => report.problems ?? []);
}
