// What the commits write: the drafts of a small project, as the write path would make them.

const FLAGS = 200;
const ENVIRONMENT = 'production';
const AT = '2026-01-01T00:00:00.000Z';
const ACTOR = { id: 'bench', name: 'bench' };

/** Makes a project with one environment and its flags. */
export async function createProject(storage, key) {
  const flags = Array.from({ length: FLAGS }, (_, index) => flagOf(`flag-${index}`));
  await transact(storage, null, () => ({
    project: { key, name: key, description: '', createdAt: AT, version: 1 },
    environments: [{ key: ENVIRONMENT, name: ENVIRONMENT, epoch: key, createdAt: AT, secureMode: false }],
  }));
  await transact(storage, key, () => ({
    flags,
    commits: [
      commitOf(
        1,
        flags.map((flag) => [flag, null, placeOf(false, 1)]),
      ),
    ],
  }));
}

/** Switches one flag. */
export async function switchFlag(storage, project, writer, turn) {
  await transact(storage, project, (state) => {
    const environment = state.environments.get(ENVIRONMENT);
    const key = `flag-${writer % FLAGS}`;
    const revision = environment.revision + 1;
    const change = [state.flags.get(key), environment.flags.get(key), placeOf(turn % 2 === 0, revision)];
    return { commits: [commitOf(revision, [change])] };
  });
}

async function transact(storage, project, draft) {
  const reply = { status: 200, etag: null, body: null };
  const parts = { action: 'bench', reason: null, subject: 'bench', details: {} };
  const plan = (world) => ({ ok: true, value: { draft: { ...parts, ...draft(world.project) }, reply } });
  await storage.transact({ project, actor: ACTOR, plan });
}

function commitOf(revision, changes) {
  return {
    environment: ENVIRONMENT,
    revision,
    kill: false,
    objects: changes.map(([flag, before, after]) => ({
      kind: 'flag',
      key: flag.key,
      before: before && { flag, configuration: before.configuration, kill: null },
      after: { flag, configuration: after.configuration, kill: null },
      definition: definitionOf(flag, after, revision),
    })),
    flags: new Map(changes.map(([flag, , after]) => [flag.key, after])),
    segments: new Map(),
  };
}

function placeOf(enabled, version) {
  const fallthrough = { variation: 'on' };
  const configuration = {
    enabled,
    offVariation: 'off',
    prerequisites: [],
    targets: [],
    rules: [],
    fallthrough,
  };
  return { configuration, kill: null, version };
}

function flagOf(key) {
  return {
    key,
    type: 'boolean',
    kind: 'release',
    variations: { on: { value: true }, off: { value: false } },
    name: key,
    description: '',
    owner: null,
    tags: [],
    exposeToClients: false,
    valueSchema: null,
    metadata: {},
    expectedLifetimeDays: null,
    archivedAt: null,
    createdAt: AT,
    updatedAt: AT,
    version: 1,
  };
}

function definitionOf({ key, type, variations }, { configuration }, version) {
  return { kind: 'flag', key, version, type, variations, ...configuration };
}
