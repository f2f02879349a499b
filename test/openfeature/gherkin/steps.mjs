import assert from 'node:assert/strict';
import { After, Before, Given, setDefaultTimeout, Then, When } from '@cucumber/cucumber';

/**
 * The steps of the OpenFeature specification's features. `GHERKIN_PROVIDER` names a module that makes the provider
 * under test: `api`, the SDK that it is for; `make(status)`, a provider that is or gets into a state, and is set;
 * `evaluate` and `evaluateWithLevels`, one call with contexts; `inapplicable`, steps that its SDK has no way to say, with
 * the reason: their rows are skipped; `cleanup()`.
 */
const { api, make, evaluate, evaluateWithLevels, inapplicable, cleanup } = await import(
  process.env.GHERKIN_PROVIDER
);

setDefaultTimeout(20_000);

const parse = {
  Boolean: (text) => text === 'true',
  String: (text) => text,
  Integer: Number,
  Float: Number,
  Object: (text) => JSON.parse(text.replaceAll('\\"', '"')),
};
const nothing = (value) => (value === 'null' ? undefined : value);

Before(function ({ pickle }) {
  const reason = inapplicable.find(({ step }) => pickle.steps.some(({ text }) => step.test(text)))?.reason;
  if (reason !== undefined) {
    console.info(`not applicable: ${pickle.name}: ${reason}`);
    return 'skipped';
  }
  Object.assign(this, { context: {}, levels: {}, calls: [], options: {} });
});

After(async () => {
  api.clearHooks();
  await cleanup();
});

Given(/^an? (stable|not ready|error|fatal|stale) provider$/, async function (status) {
  await make(status);
  this.client = api.getClient();
});
Given('a stable provider with retrievable context is registered', async function () {
  await make('stable');
  this.client = api.getClient();
  this.client.addHooks({
    before: () => this.levels['Before Hooks'],
    after: ({ context }) => {
      this.merged = context;
    },
  });
});
Given(/^an? (\w+)-flag with key "(.*)" and a fallback value "(.*)"$/i, function (type, key, text) {
  const name = type[0].toUpperCase() + type.slice(1);
  Object.assign(this, { type: name, key, fallback: parse[name](text) });
});
Given(
  /^a context containing a key "(.*)", with type "(.*)" and with value "(.*)"$/,
  function (key, type, text) {
    this.context[key] = parse[type](text);
  },
);
Given('a context containing a key {string} with null value', function (key) {
  this.context[key] = null;
});
Given('an evaluation context with modifiable data', function () {
  this.context = { targetingKey: 'user-1', nested: { list: [1] } };
  this.copy = structuredClone(this.context);
});
Given(
  'A context entry with key {string} and value {string} is added to the {string} level',
  function (key, value, level) {
    this.levels[level] = { ...this.levels[level], [key]: value };
  },
);
Given('A table with levels of increasing precedence', function (table) {
  this.order = table.raw().flat();
});
Given(
  'Context entries for each level from API level down to the {string} level, with key {string} and value {string}',
  // Cucumber counts the arguments. The value is the name of each level.
  function (level, key, _value) {
    for (const each of this.order.slice(0, this.order.indexOf(level) + 1))
      this.levels[each] = { [key]: each };
  },
);
Given('a client with added hook', function () {
  this.client.addHooks(recorder(this.calls, 'client'));
});
Given('evaluation options containing specific hooks', function () {
  this.options = { hooks: [recorder(this.calls, 'first'), recorder(this.calls, 'second')] };
});

When(
  /^the flag was evaluated with details( using the evaluation options| asynchronously)?$/,
  async function (how) {
    const method = { Integer: 'Number', Float: 'Number' }[this.type] ?? this.type;
    const { key: flag, fallback, context, options } = this;
    const pending = evaluate(this.client, `get${method}Details`, { flag, fallback, context, options });
    if (how === ' asynchronously') this.isPromise = pending instanceof Promise;
    this.details = await pending;
  },
);
When('Some flag was evaluated', function () {
  return evaluateWithLevels(this.client, this.levels);
});

Then(/^the resolved details value should be "(.*)"$/, function (text) {
  assert.deepEqual(this.details.value, parse[this.type](text));
});
Then('the reason should be {string}', function (reason) {
  assert.equal(this.details.reason, reason);
});
Then('the error-code should be {string}', function (code) {
  assert.equal(this.details.errorCode, code);
});
Then('the flag key should be {string}', function (key) {
  assert.equal(this.details.flagKey, key);
});
Then('the variant should be {string}', function (variant) {
  assert.equal(this.details.variant, variant);
});
Then('the provider status should be {string}', function (status) {
  assert.equal(this.client.providerStatus, status);
});
Then('the resolved metadata is empty', function () {
  assert.deepEqual(this.details.flagMetadata, {});
});
Then('the resolved metadata should contain', function (table) {
  const expected = table.hashes().map(({ key, metadata_type, value }) => [key, parse[metadata_type](value)]);
  assert.deepEqual({ ...this.details.flagMetadata }, Object.fromEntries(expected));
});
Then(/^The merged context contains an entry with key "(.*)" and value "(.*)"$/, function (key, value) {
  assert.equal(this.merged[key], value);
});
Then('the {string} hook should have been executed', function (stage) {
  assert.ok(this.calls.some((call) => call.stage === stage));
});
Then('the {string} hooks should be called with evaluation details', function (stages, table) {
  for (const stage of stages.split(', ')) {
    const { details } = this.calls.find((call) => call.stage === stage);
    for (const { data_type, key, value } of table.hashes()) {
      const name = { flag_key: 'flagKey', error_code: 'errorCode' }[key] ?? key;
      const expected = data_type === 'boolean' ? parse.Boolean(value) : nothing(value);
      assert.equal(details[name], expected, `${stage} ${key}`);
    }
  }
});
Then('the specified hooks should execute during evaluation', function () {
  assert.equal(this.calls.length, 6);
});
Then('the hook order should be maintained', function () {
  const order = this.calls.map(({ stage, name }) => `${stage} ${name}`);
  const [before, after, last] = ['before', 'after', 'finally'];
  assert.deepEqual(order, [
    `${before} first`,
    `${before} second`,
    `${after} second`,
    `${after} first`,
    `${last} second`,
    `${last} first`,
  ]);
});
Then('the original evaluation context should remain unmodified', function () {
  assert.deepEqual(this.context, this.copy);
});
Then('the evaluation details should be immutable', function () {
  assert.ok(Object.isFrozen(this.details.flagMetadata));
});
Then('the evaluation should complete without blocking', function () {
  assert.ok(this.isPromise);
});

function recorder(calls, name) {
  return {
    before: () => void calls.push({ stage: 'before', name }),
    after: (_, details) => void calls.push({ stage: 'after', name, details }),
    error: () => void calls.push({ stage: 'error', name }),
    finally: (_, details) => void calls.push({ stage: 'finally', name, details }),
  };
}
