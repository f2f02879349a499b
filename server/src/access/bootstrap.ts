import type { Result } from '../changes/result.ts';
import { accepted } from '../changes/result.ts';
import type { Clock } from '../platform/clock.ts';
import type { Random } from '../platform/random.ts';
import { createProject } from '../rest/create-project.ts';
import type { Draft, Plan, Storage, World } from '../storage/storage.ts';
import type { ApiKey } from './api-key.ts';
import { SYSTEM } from './api-key.ts';
import { hasExpired } from './authenticate.ts';
import type { IssuedKey } from './issue-key.ts';
import { issueKey } from './issue-key.ts';
import { administersServer } from './key-plans.ts';

/** The project and the environment that the first SDK keys open. */
export const FIRST_PLACE = { project: 'default', environment: 'production' } as const;

/** Secrets from the settings. */
export interface GivenSecrets {
  readonly admin?: string | undefined;
  readonly server?: string | undefined;
  readonly client?: string | undefined;
}

/** Secrets that were made just now. Nothing keeps them: they are shown once. */
export interface NewSecrets {
  readonly admin?: string;
  readonly server?: string;
}

interface Candidates {
  /** Added where their secret is not known yet. */
  readonly given: readonly ApiKey[];
  /** Added where nobody could administer the server otherwise. */
  readonly admin: IssuedKey;
  /** Added at the very first boot, so that the first SDK can connect. */
  readonly server: IssuedKey;
}

/**
 * Brings a database to where it can be used: a first project, the keys of the settings, and a key for the
 * administrator where there is none. It may run at every start: what is there already stays as it is.
 *
 * @returns The secrets that it made.
 */
export async function bootstrap(
  storage: Pick<Storage, 'transact' | 'keys' | 'projects'>,
  given: GivenSecrets,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<Result<NewSecrets>> {
  const candidates = candidatesOf(given, random, new Date(clock.now()).toISOString());
  // A look is enough nearly always; a transaction here waits for every writer of every server.
  const seen = planBootstrap(await look(storage, clock), candidates, random);
  if (seen.ok && seen.value.draft === null) return accepted({});
  const plan = (world: World): Result<Plan> => planBootstrap(world, candidates, random);
  const outcome = await storage.transact({ project: null, actor: SYSTEM, plan });
  if (!outcome.ok) return outcome;
  const ids = new Set((await storage.keys()).map(({ id }) => id));
  const { admin, server } = candidates;
  return accepted({
    ...(ids.has(admin.key.id) && { admin: admin.secret }),
    ...(ids.has(server.key.id) && { server: server.secret }),
  });
}

async function look(storage: Pick<Storage, 'keys' | 'projects'>, clock: Clock): Promise<World> {
  const [projects, keys] = await Promise.all([storage.projects(), storage.keys()]);
  return {
    now: clock.now(),
    projects: new Map(projects.map((project) => [project.key, project])),
    project: undefined,
    keys: new Map(keys.map((key) => [key.id, key])),
  };
}

function candidatesOf(given: GivenSecrets, random: Random, now: string): Candidates {
  const grants = {
    admin: { kind: 'admin', role: 'admin', project: null, environment: null, expiresAt: null },
    server: { kind: 'server', role: null, ...FIRST_PLACE, expiresAt: null },
    client: { kind: 'client', role: null, ...FIRST_PLACE, expiresAt: null },
  } as const;
  const issue = (kind: keyof typeof grants, name: string, secret?: string): IssuedKey =>
    issueKey({ ...grants[kind], name }, random, now, secret);
  return {
    given: (['admin', 'server', 'client'] as const).flatMap((kind) => {
      const secret = given[kind];
      return secret === undefined ? [] : [issue(kind, `bootstrap ${kind}`, secret).key];
    }),
    admin: issue('admin', 'first admin'),
    server: issue('server', 'first server'),
  };
}

function planBootstrap(world: World, candidates: Candidates, random: Random): Result<Plan> {
  const keys = keysToAdd(world, candidates);
  const project = needsProject(world, keys)
    ? createProject(FIRST_PROJECT, random, () => NO_REPLY)(world)
    : null;
  if (project !== null && !project.ok) return project;
  const created = project?.value.draft ?? null;
  if (created === null && keys.length === 0) return accepted({ draft: null, reply: NO_REPLY });
  const draft: Draft = {
    ...created,
    action: 'bootstrap',
    reason: null,
    subject: 'server',
    details: null,
    keys,
  };
  return accepted({ draft, reply: NO_REPLY });
}

const FIRST_PROJECT = { key: FIRST_PLACE.project, description: '' };
const NO_REPLY = { status: 200, etag: null, body: null };

function keysToAdd(world: World, { given, admin, server }: Candidates): ApiKey[] {
  const known = new Set([...world.keys.values()].map(({ hash }) => hash));
  const added = given.filter(({ hash }) => !known.has(hash));
  const keys = [...world.keys.values(), ...added];
  const isAdministered = keys.some((key) => administersServer(key) && !hasExpired(key, world.now));
  const isFirstBoot = world.projects.size === 0;
  const isServed = keys.some(({ kind }) => kind === 'server');
  return [
    ...added,
    ...(isAdministered ? [] : [admin.key]),
    ...(isFirstBoot && !isServed ? [server.key] : []),
  ];
}

function needsProject({ projects }: World, keys: readonly ApiKey[]): boolean {
  if (projects.has(FIRST_PLACE.project)) return false;
  return projects.size === 0 || keys.some(({ project }) => project === FIRST_PLACE.project);
}
