import { describe, expect, test } from 'vitest';
import {
  accept,
  changeSet,
  decide,
  emptyProject,
  flagInput,
  projectWith,
  refuse,
} from '../changes/project.arbitrary.ts';
import { createEnvironment } from '../environments/environment-edits.ts';
import { patchConfiguration } from './configuration-edits.ts';
import { archiveFlag, createFlag, patchFlag } from './flag-edits.ts';
import { killFlag } from './kill-edits.ts';

const checkout = createFlag(flagInput({ key: 'checkout' }));
const theme = createFlag(
  flagInput({ key: 'theme', type: 'string', variations: { light: { value: 'l' }, dark: { value: 'd' } } }),
);

describe('making a flag', () => {
  test('[C10] a boolean flag is off in every environment, with on and off made', () => {
    const { after, revisions } = accept(emptyProject(), checkout);
    expect(revisions).toEqual({ production: 1, staging: 1, development: 1 });
    expect(after.flags.get('checkout')?.variations).toEqual({ on: { value: true }, off: { value: false } });
    expect(after.environments.get('staging')?.flags.get('checkout')).toEqual({
      configuration: {
        enabled: false,
        offVariation: 'off',
        prerequisites: [],
        targets: [],
        rules: [],
        fallthrough: { variation: 'on' },
      },
      kill: null,
      version: 1,
    });
  });

  test('[C10] a boolean flag with names of its own serves true when on and false when off', () => {
    const variations = { hide: { value: false }, show: { value: true } };
    const state = projectWith(createFlag(flagInput({ key: 'banner', variations })));
    const configuration = state.environments.get('production')?.flags.get('banner')?.configuration;
    expect(configuration).toMatchObject({ offVariation: 'hide', fallthrough: { variation: 'show' } });
  });

  test('[C10] another flag serves no value while off, and its first variation once enabled', () => {
    const configuration = projectWith(theme)
      .environments.get('production')
      ?.flags.get('theme')?.configuration;
    expect(configuration).toMatchObject({ offVariation: null, fallthrough: { variation: 'light' } });
  });

  test('[C10] a flag that is not boolean has to name its variations', () => {
    const rejection = refuse(emptyProject(), createFlag(flagInput({ key: 'theme', type: 'string' })));
    expect(rejection.issues?.[0]).toMatchObject({ path: '$.variations', rule: 'variations-required' });
  });

  test('[C11] a key is taken without regard to case', () => {
    const rejection = refuse(projectWith(checkout), createFlag(flagInput({ key: 'CheckOut' })));
    expect(rejection.code).toBe('KEY_EXISTS');
    expect(rejection.detail).toContain('"checkout"');
  });

  test('[C13] a value of another type than the flag is refused with its path', () => {
    const variations = { low: { value: 1 }, 'very.high': { value: '9' } };
    const rejection = refuse(
      emptyProject(),
      createFlag(flagInput({ key: 'limit', type: 'number', variations })),
    );
    expect(rejection).toMatchObject({
      code: 'RULE_VIOLATED',
      issues: [{ path: "$.variations['very.high'].value", rule: 'value-type' }],
    });
  });

  test('[C13] names of variations that every object has are ordinary names', () => {
    const variations = { constructor: { value: 'a' }, toString: { value: 'b' } };
    const state = projectWith(createFlag(flagInput({ key: 'names', type: 'string', variations })));
    const rejection = refuse(state, patchConfiguration('production', 'names', { offVariation: 'valueOf' }));
    expect(rejection.issues?.[0]?.rule).toBe('unknown-variation');
    accept(state, patchConfiguration('production', 'names', { offVariation: 'constructor' }));
  });
});

describe('schemas of values', () => {
  const limits = {
    key: 'limits',
    type: 'json',
    variations: { small: { value: { max: 1 } } },
    valueSchema: { type: 'object', required: ['max'], properties: { max: { type: 'integer' } } },
  };

  test('[C14] every value of a json flag satisfies its schema', () => {
    const state = projectWith(createFlag(flagInput(limits)));
    const rejection = refuse(state, patchFlag('limits', { variations: { small: { value: { max: 'x' } } } }));
    expect(rejection.issues?.[0]).toMatchObject({ path: '$.variations.small.value', rule: 'value-schema' });
    expect(rejection.issues?.[0]?.message).toContain('value/max must be integer');
  });

  test('[C14] a schema that is none is refused at its place', () => {
    for (const valueSchema of [{ type: 'strng' }, { requried: [] }, { $ref: 'https://example.com/x' }]) {
      const rejection = refuse(emptyProject(), createFlag(flagInput({ ...limits, valueSchema })));
      expect(rejection.issues?.[0]).toMatchObject({ path: '$.valueSchema', rule: 'value-schema' });
    }
  });

  test('[C14] a schema of the same $id in two flags is no conflict', () => {
    const valueSchema = { ...limits.valueSchema, $id: 'https://example.com/limits' };
    projectWith(
      createFlag(flagInput({ ...limits, valueSchema })),
      createFlag(flagInput({ ...limits, key: 'other', valueSchema })),
    );
  });

  test('[C14] only json flags have one', () => {
    const rejection = refuse(emptyProject(), createFlag(flagInput({ key: 'a', valueSchema: {} })));
    expect(rejection.issues?.[0]?.path).toBe('$.valueSchema');
  });
});

test('[C63] a value that is larger than any flag is not tried against the schema', () => {
  const variations = { big: { value: 'x'.repeat(70_000) } };
  const flag = flagInput({ key: 'big', type: 'json', variations, valueSchema: { type: 'string' } });
  expect(refuse(emptyProject(), createFlag(flag)).issues).toMatchObject([
    { path: '$.variations.big.value', rule: 'flagBytes' },
  ]);
});

describe('patching a flag', () => {
  test('[C4] what does not reach SDKs makes no revision', () => {
    const outcome = accept(projectWith(checkout), patchFlag('checkout', { description: 'New', tags: ['a'] }));
    expect(outcome).toMatchObject({ changed: true, revisions: {}, commits: [] });
    expect(outcome.after.flags.get('checkout')).toMatchObject({ description: 'New', version: 2 });
  });

  test('[C2] what reaches SDKs makes a revision in every environment', () => {
    const outcome = accept(projectWith(checkout), patchFlag('checkout', { exposeToClients: true }));
    expect(outcome.revisions).toEqual({ production: 2, staging: 2, development: 2 });
  });

  test('[C3] a patch that says what is so already changes nothing', () => {
    const state = projectWith(checkout);
    const decision = decide(state, patchFlag('checkout', { name: 'checkout', tags: [] }));
    expect(decision).toMatchObject({ ok: true, draft: null, outcome: { changed: false } });
  });

  test('[C15] a variation stays while a configuration uses it', () => {
    const variations = { on: { value: true } };
    const rejection = refuse(projectWith(checkout), patchFlag('checkout', { variations }));
    expect(rejection.code).toBe('IN_USE');
    expect(rejection.detail).toContain('offVariation in environment "production" (variation "off")');
  });

  test('[C15] a variation stays while a prerequisite waits for it', () => {
    const state = projectWith(
      theme,
      checkout,
      patchConfiguration('staging', 'checkout', { prerequisites: [{ flag: 'theme', variation: 'dark' }] }),
    );
    const rejection = refuse(state, patchFlag('theme', { variations: { light: { value: 'l' } } }));
    expect(rejection.code).toBe('IN_USE');
    expect(rejection.detail).toContain('the prerequisites of flag "checkout" in environment "staging"');
  });

  test('[C15] an unused variation can go', () => {
    const { after } = accept(
      projectWith(theme),
      patchFlag('theme', { variations: { light: { value: 'l' } } }),
    );
    expect(Object.keys(after.flags.get('theme')?.variations ?? {})).toEqual(['light']);
  });
});

describe('archiving', () => {
  test('[C16] an archived flag leaves every environment and keeps its configurations', () => {
    const { after, commits } = accept(projectWith(checkout), archiveFlag('checkout'));
    expect(commits.map(({ objects }) => objects[0]?.definition)).toEqual([null, null, null]);
    expect(after.environments.get('production')?.flags.has('checkout')).toBe(true);
    expect(accept(after, archiveFlag('checkout')).changed).toBe(false);
  });

  test('[C16] a prerequisite cannot be archived', () => {
    const state = projectWith(
      checkout,
      theme,
      patchConfiguration('production', 'theme', { prerequisites: [{ flag: 'checkout', variation: 'on' }] }),
    );
    expect(refuse(state, archiveFlag('checkout'))).toMatchObject({ code: 'IN_USE' });
    expect(refuse(state, patchFlag('checkout', { archived: true })).code).toBe('IN_USE');
  });

  test('[C17] a flag comes back with its configurations and kills, and off where it never was', () => {
    const archived = projectWith(
      checkout,
      patchConfiguration('production', 'checkout', { enabled: true }),
      killFlag('production', 'checkout', { reason: 'down' }),
      archiveFlag('checkout'),
      createEnvironment({ key: 'preview' }, 'e9'),
    );
    expect(archived.environments.get('preview')?.flags.size).toBe(0);
    const { after } = accept(archived, patchFlag('checkout', { archived: false }));
    const placeIn = (key: string) => after.environments.get(key)?.flags.get('checkout');
    expect(placeIn('production')).toMatchObject({
      configuration: { enabled: true },
      kill: { reason: 'down' },
    });
    expect(placeIn('preview')).toMatchObject({ configuration: { enabled: false }, kill: null });
  });

  test('[C18] an archived flag is edited only to bring it back', () => {
    const archived = projectWith(checkout, archiveFlag('checkout'));
    const edits = [
      patchFlag('checkout', { name: 'x' }),
      patchFlag('checkout', { archived: true, name: 'x' }),
      patchConfiguration('production', 'checkout', { enabled: true }),
      killFlag('production', 'checkout', { reason: 'x' }),
    ];
    expect(edits.map((edit) => refuse(archived, edit).code)).toEqual(Array(4).fill('FLAG_ARCHIVED'));
    expect(accept(archived, patchFlag('checkout', { archived: true })).changed).toBe(false);
  });

  test('[C12] the key of an archived flag is taken over only when asked for, as spelt', () => {
    const archived = projectWith(
      checkout,
      patchConfiguration('production', 'checkout', { enabled: true }),
      killFlag('production', 'checkout', { reason: 'down' }),
      archiveFlag('checkout'),
    );
    expect(refuse(archived, checkout).code).toBe('FLAG_ARCHIVED');
    const other = createFlag(flagInput({ key: 'CHECKOUT', reuseArchivedKey: true }));
    expect(refuse(archived, other).code).toBe('KEY_EXISTS');
    const { after } = accept(archived, createFlag(flagInput({ key: 'checkout', reuseArchivedKey: true })));
    expect(after.flags.get('checkout')).toMatchObject({ version: 3, archivedAt: null });
    expect(after.environments.get('production')?.flags.get('checkout')).toMatchObject({
      configuration: { enabled: false },
      kill: null,
    });
    const again = changeSet('production', [
      { edit: 'createFlag', flag: flagInput({ key: 'checkout', reuseArchivedKey: true }) },
      { edit: 'archiveFlag', key: 'checkout' },
    ]);
    const back = accept(accept(archived, again).after, patchFlag('checkout', { archived: false })).after;
    expect(back.environments.get('production')?.flags.get('checkout')).toMatchObject({ kill: null });
  });
});
