import type { FlagView } from '@dimmer/schema/rest';
import type { ProjectState } from '../environments/environment.ts';
import type { Flag } from './flag.ts';

/** What people say of a flag, without when and how often they said it. */
export function flagProperties(flag: Flag) {
  return {
    key: flag.key,
    type: flag.type,
    kind: flag.kind,
    variations: { ...flag.variations },
    name: flag.name,
    description: flag.description,
    owner: flag.owner,
    tags: [...flag.tags],
    exposeToClients: flag.exposeToClients,
    valueSchema: flag.valueSchema === null ? null : { ...flag.valueSchema },
    metadata: { ...flag.metadata },
    expectedLifetimeDays: flag.expectedLifetimeDays,
  };
}

/** @example flagView(state, flag) // { key: 'checkout-v2', environments: { production: { enabled: true, ... } }, ... } */
export function flagView(state: ProjectState, flag: Flag): FlagView {
  return {
    ...flagProperties(flag),
    archivedAt: flag.archivedAt,
    createdAt: flag.createdAt,
    updatedAt: flag.updatedAt,
    version: flag.version,
    environments: environmentsView(state, flag),
  };
}

/** Where the flag is served; nowhere while it is archived. */
function environmentsView(state: ProjectState, flag: Flag): FlagView['environments'] {
  if (flag.archivedAt !== null) return {};
  const views: FlagView['environments'] = {};
  for (const [key, { flags }] of state.environments) {
    const place = flags.get(flag.key);
    if (place === undefined) continue;
    const { configuration, kill, version } = place;
    views[key] = { enabled: configuration.enabled, killed: kill !== null, version };
  }
  return views;
}
