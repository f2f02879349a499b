import { cruise, type ICruiseResult, type IForbiddenRuleType, type IViolation } from 'dependency-cruiser';
import { describe, expect, test } from 'vitest';
import { PACKAGES, ROOT } from './sources.ts';

const TEST_FILE = '\\.(test|test-d|arbitrary|fixture)\\.ts$';

/** A package by its folder, or by its name where it is not built yet. */
const packagePattern = (name: string): string => `^(${name}/|@dimmer/${name.replace('sdk-', '')}(/|$))`;

const packageRules: IForbiddenRuleType[] = Object.entries(PACKAGES).map(([name, allowed]) => ({
  name: `${name} imports ${allowed.join(', ') || 'no other package'}`,
  from: { path: `^${name}/src/` },
  to: {
    path: Object.keys(PACKAGES)
      .filter((other) => other !== name && !allowed.includes(other))
      .map(packagePattern),
  },
}));

const folderRules: IForbiddenRuleType[] = [
  {
    name: 'imports have no cycles, types included',
    from: {},
    to: { circular: true },
  },
  {
    name: 'zod is for the REST schemas and the server',
    from: { path: '^[^/]+/src/', pathNot: ['^schema/src/rest/', '^server/', TEST_FILE] },
    to: {
      path: ['(^|/)node_modules/zod/', '^zod(/|$)', '^schema/(src|dist|build)/rest/', '^@dimmer/schema/rest'],
    },
  },
  {
    name: 'flags and delivery meet in the change log, never in an import',
    from: { path: '^server/src/(flags|delivery)/' },
    to: { path: '^server/src/(flags|delivery)/', pathNot: '^server/src/$1/' },
  },
  {
    name: 'routes are imported by what composes them only',
    from: { pathNot: ['^server/src/(app|client-plane|data-plane|relay/relay-(app|glass))\\.ts$', TEST_FILE] },
    to: { path: '-routes\\.ts$' },
  },
  {
    name: 'of the server, the relay alone follows one',
    from: { path: '^server/src/', pathNot: ['^server/src/relay/', TEST_FILE] },
    to: { path: ['^follower/', '^@dimmer/follower'] },
  },
  {
    name: 'only what composes the relay knows it',
    from: { path: '^server/src/', pathNot: ['^server/src/(main|index|relay/.*)\\.ts$', TEST_FILE] },
    to: { path: '^server/src/relay/' },
  },
  {
    name: 'a storage adapter is imported by storage/open-storage.ts, maintenance/open-store.ts, doctor/gather-facts.ts and tests only',
    from: {
      path: '^server/src/',
      pathNot: [
        '^server/src/(index|storage/open-storage|maintenance/open-store|doctor/gather-facts)\\.ts$',
        '^server/src/storage/[^/]+/',
        TEST_FILE,
      ],
    },
    to: { path: '^server/src/storage/[^/]+/' },
  },
  {
    name: 'the commands for operators know the language and the machine, nothing of the server',
    from: { path: '^server/src/operator/', pathNot: TEST_FILE },
    to: {
      path: ['^server/', '^evaluator/', '^@dimmer/evaluator', 'node_modules/zod/'],
      pathNot: [
        '^server/src/operator/',
        '^server/src/platform/(clock|random|pause|schedule|variable-files)\\.ts$',
        '^server/node_modules/(commander|eventsource-parser)/',
      ],
    },
  },
  {
    name: 'the commands for operators load no zod: of the REST schemas they take types',
    from: { path: '^server/src/operator/', pathNot: TEST_FILE },
    to: { path: ['^schema/(src|dist)/rest/', '^@dimmer/schema/rest'], dependencyTypesNot: ['type-only'] },
  },
  {
    name: 'main.ts loads the server only where it is asked for',
    from: { path: '^server/src/main\\.ts$' },
    to: {
      path: '^server/src/(?!operator/|platform/(clock|random|pause|schedule|variable-files)\\.ts$)',
      dependencyTypesNot: ['dynamic-import', 'type-only'],
      dynamic: false,
    },
  },
  {
    name: 'storage adapters do not know each other',
    from: { path: '^server/src/storage/([^/]+)/', pathNot: TEST_FILE },
    to: {
      path: '^server/src/storage/[^/]+/',
      pathNot: ['^server/src/storage/$1/', '^server/src/storage/rows/'],
    },
  },
  {
    name: 'the product never imports a test',
    from: { pathNot: TEST_FILE },
    to: { path: [TEST_FILE, '^test/'] },
  },
  {
    name: 'the pure packages import nothing from Node',
    from: { path: '^(schema|evaluator|follower)/src/', pathNot: TEST_FILE },
    to: { dependencyTypes: ['core'] },
  },
];

const rules = [...packageRules, ...folderRules];
const violations = await findViolations();

describe('imports', () => {
  test.each(rules.map(({ name }) => name))('%s', (name) => {
    const found = violations.filter((violation) => violation.rule.name === name);
    expect(
      found.map(({ from, to, cycle }) => [from, ...(cycle?.map((step) => step.name) ?? [to])].join(' -> ')),
    ).toEqual([]);
  });
});

async function findViolations(): Promise<readonly IViolation[]> {
  const folders = Object.keys(PACKAGES).map((name) => `${name}/src`);
  const { output } = await cruise(folders, {
    baseDir: ROOT,
    tsPreCompilationDeps: true,
    doNotFollow: { path: '(^|/)(node_modules|dist|build)/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'default'] },
    validate: true,
    ruleSet: { forbidden: rules.map((rule) => ({ severity: 'error', ...rule })) },
  });
  const { modules, summary } = output as ICruiseResult;
  // An empty graph would satisfy every rule.
  if (modules.length < 20)
    throw new Error(`Only ${modules.length} modules were read in ${folders.join(', ')}`);
  return summary.violations;
}
