import type { Configuration, EnvironmentFlag, Flag, Variation } from './flag.ts';

/**
 * A flag's place in an environment that it is new to: off, so that code ships dark. Boolean flags serve `false`
 * while off and `true` to everybody once enabled; others serve no value while off and their first variation once
 * enabled.
 *
 * @example initialPlace(flag) // { configuration: { enabled: false, offVariation: 'off', ... }, kill: null, version: 0 }
 */
export function initialPlace(flag: Flag): EnvironmentFlag {
  return { configuration: initialConfiguration(flag), kill: null, version: 0 };
}

function initialConfiguration({ type, variations }: Flag): Configuration {
  const names = Object.keys(variations);
  const on = type === 'boolean' ? nameOfValue(variations, true) : undefined;
  const off = type === 'boolean' ? nameOfValue(variations, false) : undefined;
  return {
    enabled: false,
    offVariation: off ?? null,
    prerequisites: [],
    targets: [],
    rules: [],
    fallthrough: { variation: on ?? names[0] ?? '' },
  };
}

function nameOfValue(variations: Flag['variations'], value: boolean): string | undefined {
  const found = Object.entries<Variation>(variations).find(([, variation]) => variation.value === value);
  return found?.[0];
}
