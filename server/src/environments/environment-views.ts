import type { EnvironmentView } from '@dimmer/schema/rest';
import type { z } from 'zod';
import type { EnvironmentState } from './environment.ts';

/** @example environmentView(state) // { key: 'production', revision: 42, ... } */
export function environmentView({
  environment,
  revision,
  historyFloor,
}: EnvironmentState): z.infer<typeof EnvironmentView> {
  const { key, name, epoch, createdAt, secureMode } = environment;
  return { key, name, epoch, revision, historyFloor, secureMode, createdAt };
}
