import fs from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import type { EvaluationContext, FlagDefinition } from '@dimmer/schema';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hostileContexts } from '../../evaluator/src/context.arbitrary.ts';
import { Dimmer } from './client.ts';
import type { DimmerOptions } from './options.ts';
import { fixedFlag, snapshotDocument } from './stream-server.fixture.ts';
import { VirtualNetwork } from './virtual-network.fixture.ts';

/** Contexts that are tried in each state; raise it for a long run. */
const CONTEXTS = Number(process.env['DIMMER_TEST_CONTEXTS'] ?? 20_000) / 20;
const user = { targetingKey: 'user-1' };
const key = `dim_srv_${'a'.repeat(32)}`;
const url = 'http://dimmer.test';
const flags: readonly FlagDefinition[] = [fixedFlag('plain', 1, true), fixedFlag('ruled', 1, true, ruled())];
const refused =
  (status: number): (() => Response) =>
  () =>
    new Response(null, { status });

interface Standing {
  readonly network: VirtualNetwork;
  readonly sdk: Dimmer;
}

const states: Readonly<Record<string, () => Promise<Standing>>> = {
  DEFAULTS: () => begun({}),
  BOOTSTRAP: () => begun({ bootstrap: snapshotDocument(1, flags) }),
  LIVE: () => live(),
  INTERRUPTED: () => lost(1_000),
  STALE: () => lost(60_000),
  REFUSED: async () => {
    const standing = await begun({ bootstrap: snapshotDocument(1, flags) }, refused(401));
    await standing.network.clock.pass(1_000);
    return standing;
  },
  CLOSED: async () => {
    const standing = await live();
    await standing.sdk.close();
    return standing;
  },
};

test.each(Object.entries(states))(
  '[N1] in the state %s no call throws, waits or touches the machine, with any context (SDK-1)',
  async (name, arrive) => {
    const { sdk } = await arrive();
    expect(sdk.status().state).toBe(name);
    const contexts = fc.sample(hostileContexts, CONTEXTS).map(({ context }) => context as EvaluationContext);
    const given = Object.getOwnPropertyNames(Object.prototype);
    withoutMachine(() => {
      for (const context of contexts) {
        for (const flag of ['plain', 'ruled', 'unknown', '__proto__']) callEverything(sdk, flag, context);
      }
    });
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(given);
    await sdk.close();
  },
);

test('[N1] a flag that was served stays served in every state', async () => {
  for (const [name, arrive] of Object.entries(states)) {
    const { sdk } = await arrive();
    expect(sdk.boolean('plain', user, false), name).toBe(name !== 'DEFAULTS');
    await sdk.close();
  }
});

test('the machine is out of reach where these tests say so', () => {
  withoutMachine(() => {
    expect(() => fs.readFileSync('/')).toThrow('readFileSync was called');
    expect(() => setTimeout(() => undefined, 1)).toThrow('setTimeout was called');
    expect(() => fetch(url)).toThrow('fetch was called');
  });
  expect(() => fs.statSync('/')).not.toThrow();
});

function callEverything(sdk: Dimmer, flag: string, context: EvaluationContext): void {
  sdk.boolean(flag, context, false);
  sdk.string(flag, context, 'fallback');
  sdk.number(flag, context, 0);
  sdk.json(flag, context, null);
  sdk.detail(flag, context, false);
  const scope = sdk.scope(context);
  scope.boolean(flag, false);
  scope.close();
  sdk.track(flag, context, { flag });
  sdk.status();
}

async function begun(
  options: Partial<DimmerOptions>,
  answer: (path: string, network: VirtualNetwork) => Response | Error = () => new TypeError('fetch failed'),
): Promise<Standing> {
  const network = new VirtualNetwork(() => 0.5);
  network.answer = (path) => answer(path, network);
  const { fetch, platform } = network;
  return { network, sdk: new Dimmer({ url, key, cache: false, fetch, ...options }, platform) };
}

async function live(): Promise<Standing> {
  const standing = await begun({}, (path, network) =>
    path.endsWith('/stream') ? network.stream(1, flags) : refused(503)(),
  );
  await standing.sdk.ready();
  return standing;
}

async function lost(forMs: number): Promise<Standing> {
  const standing = await live();
  standing.network.answer = () => new TypeError('fetch failed');
  standing.network.cut();
  await standing.network.clock.pass(forMs);
  return standing;
}

function ruled(): Partial<FlagDefinition> {
  const ranges: [number, number, string][] = [
    [0, 50_000, 'given'],
    [50_000, 100_000, 'off'],
  ];
  const rollout = { by: 'targetingKey', algorithm: 'murmur3-100k', seed: 1, ranges } as const;
  const conditions = [
    { attribute: 'country', op: 'in', values: ['NO', 'SE'] },
    { attribute: 'organization.plan', op: 'matches', values: ['(a+)+$'] },
    { attribute: 'since', op: 'before', values: ['2026-11-21T00:00:00Z'] },
    { attribute: 'version', op: 'semverGte', values: ['1.2.3'] },
    { attribute: 'age', op: 'gte', values: [18] },
  ] as const;
  return {
    rules: conditions.map((when, index) => ({ id: `r${index}`, when, serve: { rollout } })),
    fallthrough: { rollout },
  };
}

/** Runs with files, sockets, timers and requests that throw when they are touched. */
function withoutMachine(run: () => void): void {
  const require = createRequire(import.meta.url);
  const net: object = require('node:net');
  const owners: [object, readonly string[]][] = [
    [fs, namesOfFunctions(fs)],
    [fs.promises, namesOfFunctions(fs.promises)],
    [net, ['connect', 'createConnection', 'createServer']],
    [globalThis, ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'fetch']],
  ];
  const before = owners.map(([owner, names]) => names.map((name): unknown => Reflect.get(owner, name)));
  for (const [owner, names] of owners) {
    for (const name of names) Reflect.set(owner, name, refusing(name));
  }
  syncBuiltinESMExports();
  try {
    run();
  } finally {
    owners.forEach(([owner, names], index) => {
      for (const [place, name] of names.entries()) Reflect.set(owner, name, before[index]?.[place]);
    });
    syncBuiltinESMExports();
  }
}

function namesOfFunctions(owner: object): readonly string[] {
  return Object.keys(owner).filter(
    (name) => typeof Reflect.get(owner, name) === 'function' && /^[a-z]/.test(name),
  );
}

function refusing(name: string): () => never {
  return () => {
    throw new Error(`${name} was called`);
  };
}
