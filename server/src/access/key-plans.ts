import { projectNotFound } from '../changes/rejections.ts';
import type { Rejection, Result } from '../changes/result.ts';
import { accepted, rejected } from '../changes/result.ts';
import { environmentOf } from '../environments/project-state.ts';
import { replyOf } from '../http/answer.ts';
import type { Plan, World } from '../storage/storage.ts';
import type { ApiKey } from './api-key.ts';
import { hasExpired } from './authenticate.ts';
import { keyView } from './key-views.ts';

/** Where a key belongs: an environment, or the whole server. */
export interface KeyPlace {
  readonly project: string | null;
  readonly environment: string | null;
}

/**
 * Adds a key that has not expired yet. The reply holds no secret: it may be kept beside an Idempotency-Key.
 */
export function addKey(key: ApiKey): (world: World) => Result<Plan> {
  return (world) => {
    const revision = revisionIn(world, key);
    if (!revision.ok) return revision;
    if (hasExpired(key, world.now)) return rejected(expiryInPast(world.now));
    const draft = {
      action: 'key.create',
      reason: null,
      subject: `key/${key.id}`,
      details: factsOf(key),
      keys: [key],
    };
    const view = { ...keyView(key), secret: null, revision: revision.value };
    return accepted({ draft, reply: replyOf(201, view, key.id) });
  };
}

/**
 * Deletes a key of a place. A key of another place is not found, and the last key that administers the whole
 * server stays: nobody could make another.
 */
export function deleteKey(id: string, place: KeyPlace): (world: World) => Result<Plan> {
  return (world) => {
    const revision = revisionIn(world, place);
    if (!revision.ok) return revision;
    const key = world.keys.get(id);
    if (key === undefined || !belongsTo(key, place)) {
      return rejected({ code: 'KEY_NOT_FOUND', detail: `There is no key "${id}" here.` });
    }
    if (isLastAdministrator(key, world)) return rejected(LAST_ADMINISTRATOR);
    const draft = {
      action: 'key.delete',
      reason: null,
      subject: `key/${id}`,
      details: factsOf(key),
      revokedKeys: [id],
    };
    return accepted({ draft, reply: replyOf(200, { id, revision: revision.value }, id) });
  };
}

/** Whether a key is among those that a place lists: SDK keys of an environment, admin keys of the server. */
export function belongsTo(key: ApiKey, place: KeyPlace): boolean {
  if (place.environment === null) return key.kind === 'admin';
  return key.project === place.project && key.environment === place.environment;
}

/** Whether a key administers the whole server: it can make any other. */
export function administersServer({ kind, role, project }: ApiKey): boolean {
  return kind === 'admin' && role === 'admin' && project === null;
}

function expiryInPast(now: number): Rejection {
  const issue = {
    path: '$.expiresAt',
    rule: 'expiry-in-future',
    message: `must lie after now, ${new Date(now).toISOString()}`,
    remedy: 'Give a later time, or leave it out: the key then opens until it is deleted.',
  };
  const { path, message, remedy } = issue;
  return { code: 'RULE_VIOLATED', detail: `${path} ${message}.`, remedy, issues: [issue] };
}

const LAST_ADMINISTRATOR: Rejection = {
  code: 'IN_USE',
  detail: 'This is the last key that administers the whole server.',
  remedy: 'Create another admin key with the role admin and without a project first.',
};

function isLastAdministrator(key: ApiKey, { keys, now }: World): boolean {
  const isOther = (other: ApiKey): boolean =>
    other.id !== key.id && administersServer(other) && !hasExpired(other, now);
  return administersServer(key) && ![...keys.values()].some(isOther);
}

/** The revision of the environment that a key opens; 0 for keys that open none in particular. */
function revisionIn(world: World, { project, environment }: KeyPlace): Result<number> {
  if (project === null) return accepted(0);
  if (!world.projects.has(project)) return rejected(projectNotFound(project));
  if (environment === null) return accepted(0);
  if (world.project === undefined) return rejected(projectNotFound(project));
  const state = environmentOf(world.project, environment);
  return state.ok ? accepted(state.value.revision) : state;
}

function factsOf({
  kind,
  name,
  role,
  project,
  environment,
  hint,
  expiresAt,
}: ApiKey): Record<string, string | null> {
  return { kind, name, role, project, environment, hint, expiresAt };
}
