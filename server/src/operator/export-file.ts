import type { DeclaredState, ExportedEnvironment, ExportedProject, ExportFile } from '@dimmer/schema/rest';

/** What this command reads and writes: `schema/src/rest/export.ts`, which is not loaded for two constants. */
export const FORMAT: ExportFile['format'] = 'dimmer-export';
export const VERSION: ExportFile['version'] = 1;

/**
 * Reads the text of an export as far as this command needs it; what flags and segments may be is the server's to
 * judge, which names each fault with its place.
 *
 * @returns The file, or the line that says why it is none.
 * @example exportFileIn('{"format": "dimmer-export", "version": 1, "projects": []}')
 */
export function exportFileIn(text: string): { readonly file: ExportFile } | { readonly fault: string } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    return { fault: `It is not JSON: ${cause instanceof Error ? cause.message : String(cause)}.` };
  }
  if (!isObject(parsed) || parsed['format'] !== FORMAT) {
    return { fault: `It has no "format": "${FORMAT}", so it was not written by \`dimmer export\`.` };
  }
  if (parsed['version'] !== VERSION) {
    return {
      fault: `It is of version ${JSON.stringify(parsed['version'])}, and this command reads ${VERSION}.`,
    };
  }
  const place = brokenPlaceIn(parsed['projects']);
  if (place !== undefined) return { fault: `${place}. Compare it with docs/moving.md.` };
  // Looked through just now, as deep as this command goes.
  return { file: parsed as unknown as ExportFile };
}

/**
 * The declaration of one environment: every flag of its project, with the configuration that it has here.
 *
 * @example await api.put(`${environmentPath(place)}/state`, declarationOf(project, environment), words);
 */
export function declarationOf(
  { flags }: ExportedProject,
  { configurations, segments }: ExportedEnvironment,
  kills: DeclaredState['kills'],
): object {
  const byFlag = new Map(configurations.map((configuration) => [configuration.flag, configuration]));
  return {
    flags: flags.map((flag) => ({ ...flag, configuration: byFlag.get(flag.key) ?? null })),
    segments,
    kills,
    newFlagsElsewhere: 'absent',
  };
}

/** The first place that is not as it must be, in words. */
function brokenPlaceIn(projects: unknown): string | undefined {
  return brokenItem('$.projects', projects, 'key', (project, path) => {
    const flags = brokenItem(`${path}.flags`, project['flags'], 'key', () => undefined);
    return flags ?? brokenItem(`${path}.environments`, project['environments'], 'key', brokenEnvironment);
  });
}

function brokenEnvironment(environment: Members, path: string): string | undefined {
  const { configurations, segments } = environment;
  return (
    brokenItem(`${path}.configurations`, configurations, 'flag', () => undefined) ??
    brokenItem(`${path}.segments`, segments, 'key', () => undefined)
  );
}

type Members = Readonly<Record<string, unknown>>;

/** Looks through a list of objects, each of which has a name that is a text, and no other of the list has. */
function brokenItem(
  path: string,
  list: unknown,
  name: string,
  brokenInside: (item: Members, path: string) => string | undefined,
): string | undefined {
  if (!Array.isArray(list)) return `${path} is not a list`;
  const seen = new Set<unknown>();
  for (const [index, item] of list.entries()) {
    const place = `${path}[${index}]`;
    if (!isObject(item) || typeof item[name] !== 'string') return `${place}.${name} is not a text`;
    if (seen.has(item[name])) return `${place}.${name} is there twice: "${item[name]}"`;
    seen.add(item[name]);
    const inside = brokenInside(item, place);
    if (inside !== undefined) return inside;
  }
  return undefined;
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
