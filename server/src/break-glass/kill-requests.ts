import {
  HeldReceiptView,
  KillInput,
  KillManyInput,
  LiftedView,
  RestoreInput,
  WaitQuery,
} from '@dimmer/schema/rest';

const ENVIRONMENT = '/api/v1/projects/{project}/environments/{environment}';

/** What is asked of a server and of a relay alike, so that one command fits both: the common part of three declarations. */
export const KILL_ONE = {
  method: 'post',
  path: `${ENVIRONMENT}/flags/{flag}/kill`,
  tag: 'Kills',
  query: WaitQuery,
  body: KillInput,
  held: HeldReceiptView,
} as const;

/** See {@link KILL_ONE}. */
export const KILL_MANY = {
  ...KILL_ONE,
  path: `${ENVIRONMENT}/kill`,
  body: KillManyInput,
} as const;

/** See {@link KILL_ONE}. */
export const RESTORE_ONE = {
  method: 'post',
  path: `${ENVIRONMENT}/flags/{flag}/restore`,
  tag: 'Kills',
  body: RestoreInput,
  held: LiftedView,
} as const;
