import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { JsonValue } from '@dimmer/schema';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { conformanceData } from '../conformance-data.ts';
import type { LiveServer } from '../live-server.ts';
import { startLive } from '../live-server.ts';

const HERE = dirname(fileURLToPath(import.meta.url));
const CUCUMBER = join(
  dirname(createRequire(import.meta.url).resolve('@cucumber/cucumber')),
  '../bin/cucumber.js',
);
const FEATURES = ['metadata', 'hooks', 'contextMerging', 'evaluation_v2'];
/** 119 rows less the two of CACHED, which is no reason of a provider that evaluates itself. */
const ROWS = 117;
/** Rows that need a context of a transaction, client, call or hook; and asynchronous calls. Pages have neither. */
const NOT_OF_PAGES = 23 + 5;

const data = conformanceData('openfeature');
const run = promisify(execFile);
let server: LiveServer;

interface PublicFlag {
  readonly variants: Readonly<Record<string, JsonValue>>;
  readonly defaultVariant?: string | null;
  readonly disabled?: boolean;
  readonly contextEvaluator?: string;
  readonly flagMetadata?: object | null;
}

beforeAll(async () => {
  if (data === undefined) return;
  server = await startLive();
  const flags: Record<string, PublicFlag> = JSON.parse(readFileSync(join(data, 'test-flags.json'), 'utf8'));
  await server.declare(Object.entries(flags).map(([key, flag]) => declared(key, flag)));
});

afterAll(() => server?.close());

const subjects = [
  [
    `[N60, N61] ${ROWS} rows of the specification hold for the provider of @dimmer/node`,
    './node-provider.mjs',
    () => server.serverKey,
    `${ROWS} scenarios (${ROWS} passed)`,
  ],
  [
    `[B90, B91] ${ROWS - NOT_OF_PAGES} rows of the specification hold for the provider of @dimmer/browser`,
    './browser-provider.mjs',
    () => server.clientKey,
    `${ROWS} scenarios (${NOT_OF_PAGES} skipped, ${ROWS - NOT_OF_PAGES} passed)`,
  ],
] as const;

test.skipIf(data === undefined).each(subjects)(
  '%s',
  { timeout: 120_000 },
  async (_, module, key, summary) => {
    const paths = FEATURES.map((name) => join(data ?? '', `${name}.feature`));
    const options = ['--import', 'steps.mjs', '--tags', 'not @reason-codes-cached', '--format', 'summary'];
    const env = { ...process.env, GHERKIN_PROVIDER: module, DIMMER_URL: server.url, DIMMER_KEY: key() };
    const { stdout } = await run(process.execPath, [CUCUMBER, ...options, ...paths], {
      cwd: HERE,
      env,
    }).catch((cause: { stdout?: string; stderr?: string }) => ({ stdout: `${cause.stdout}${cause.stderr}` }));
    expect(stdout).toContain(summary);
  },
);

/** A flag of the specification's data as Dimmer declares it. */
function declared(key: string, flag: PublicFlag): object {
  const variations = Object.entries(flag.variants).map(([name, value]) => [name, { value }]);
  const [first = ''] = Object.keys(flag.variants);
  const isObject = typeof flag.variants[first] === 'object';
  return {
    key,
    type: isObject ? 'json' : typeof flag.variants[first],
    variations: Object.fromEntries(variations),
    exposeToClients: true,
    ...(flag.flagMetadata != null && { metadata: flag.flagMetadata }),
    configuration: {
      enabled: flag.disabled !== true && flag.defaultVariant != null,
      offVariation: null,
      fallthrough: { variation: flag.defaultVariant ?? first },
      rules: flag.contextEvaluator === undefined ? [] : [ruleOf(flag.contextEvaluator)],
    },
  };
}

const EMAIL = { attribute: 'email', op: 'in', values: ['ballmer@macrosoft.com'] };

/** The data has two rules, written in CEL. */
function ruleOf(cel: string): object {
  const [, asked = '', variation] = /^(.*) \? '(.*)' : ''$/.exec(cel) ?? [];
  const conditions: Record<string, object> = {
    "email == 'ballmer@macrosoft.com'": EMAIL,
    "!customer && email == 'ballmer@macrosoft.com' && age > 10": {
      all: [
        { not: { attribute: 'customer', op: 'in', values: [true] } },
        EMAIL,
        { attribute: 'age', op: 'gt', values: [10] },
      ],
    },
  };
  const when = conditions[asked];
  if (when === undefined) throw new Error(`an unknown rule in the data: ${cel}`);
  return { id: 'public', when, serve: { variation } };
}
