import type { FlagDefinition } from '@dimmer/schema';

/** A boolean flag as it is sent. */
export function flagObject(
  key: string,
  version: number,
  fields: Partial<FlagDefinition> = {},
): FlagDefinition {
  return {
    kind: 'flag',
    key,
    version,
    type: 'boolean',
    variations: { on: { value: true }, off: { value: false } },
    enabled: true,
    offVariation: 'off',
    prerequisites: [],
    targets: [],
    rules: [],
    fallthrough: { variation: 'on' },
    ...fields,
  };
}
