import type { ProjectView } from '@dimmer/schema/rest';
import type { z } from 'zod';
import type { ProjectState } from './environment.ts';

/** @example projectView(state) // { key: 'shop', environments: ['production', ...], ... } */
export function projectView({ project, environments }: ProjectState): z.infer<typeof ProjectView> {
  const { key, name, description, createdAt, version } = project;
  return { key, name, description, environments: [...environments.keys()], createdAt, version };
}
