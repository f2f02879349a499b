/**
 * How long single evaluations of a flag with ten rules take, one by one, when nine of ten rules do not match:
 *
 *     npm run bench:ten-rules
 *
 * Exits with 1 where one in a hundred takes more than {@link P99_MAX_US}. The time of an empty call is printed beside it.
 */
import { cpus } from 'node:os';
import { bundleSdks, compile, installDependencies, requireNode } from '../../../scripts/prepare.mjs';
import { makeUsers } from './workload.mjs';

const P99_MAX_US = 20;
const CALLS = 1_000_000;

requireNode();
installDependencies();
compile();
bundleSdks();

const { Dimmer } = await import('@dimmer/node');
const { digestOfAll } = await import('@dimmer/schema');

const client = new Dimmer({
  url: 'http://127.0.0.1:4400',
  key: `dim_srv_${'0'.repeat(32)}`,
  bootstrap: snapshotOf(tenRules()),
  cache: false,
  reports: false,
  fetch: () => new Promise(() => {}),
});
const contexts = makeUsers(10_000).map(({ key, ...attributes }) => ({ targetingKey: key, ...attributes }));

timeCalls((context) => client.boolean('ten-rules', context, false));
const evaluated = timeCalls((context) => client.boolean('ten-rules', context, false));
const empty = timeCalls(() => true);
console.log(`Node ${process.version}, ${cpus()[0]?.model}; ${CALLS} calls, timed one by one`);
console.log(`  ten rules   p50 ${evaluated.p50} us, p99 ${evaluated.p99} us, p99.9 ${evaluated.p999} us`);
console.log(`  empty call  p50 ${empty.p50} us, p99 ${empty.p99} us, p99.9 ${empty.p999} us`);
const held = Number(evaluated.p99) <= P99_MAX_US;
console.log(`  promised p99 ${P99_MAX_US} us: ${held ? 'held' : 'MISSED'}`);
await client.close();
process.exitCode = held ? 0 : 1;

function timeCalls(call) {
  const times = new Float64Array(CALLS);
  for (let index = 0; index < CALLS; index += 1) {
    const context = contexts[index % contexts.length];
    const startedAt = process.hrtime.bigint();
    call(context);
    times[index] = Number(process.hrtime.bigint() - startedAt) / 1_000;
  }
  times.sort();
  const at = (share) => times[Math.floor(share * CALLS)].toFixed(2);
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999) };
}

function tenRules() {
  const rules = Array.from({ length: 9 }, (_, index) => ({
    id: `r${index}`,
    when: { attribute: index % 2 === 0 ? 'country' : 'plan', op: 'in', values: [`nobody-${index}`] },
    serve: { variation: 'on' },
  }));
  rules.push({
    id: 'adults',
    when: {
      all: [
        { attribute: 'age', op: 'gte', values: [18] },
        { attribute: 'email', op: 'endsWith', values: ['.com'] },
      ],
    },
    serve: { variation: 'on' },
  });
  return {
    kind: 'flag',
    key: 'ten-rules',
    version: 1,
    type: 'boolean',
    variations: { on: { value: true }, off: { value: false } },
    enabled: true,
    offVariation: 'off',
    prerequisites: [],
    targets: [],
    rules,
    fallthrough: { variation: 'off' },
  };
}

function snapshotOf(flag) {
  const committedAt = '2026-01-01T00:00:00.000Z';
  return {
    protocol: 1,
    epoch: 'bench',
    revision: 1,
    digest: digestOfAll([flag]),
    committedAt,
    objects: [flag],
  };
}
