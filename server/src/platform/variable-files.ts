/** Environment variables by name. */
export type Variables = Readonly<Record<string, string | undefined>>;

const FILE_NAME = /^(DIMMER_[A-Z_]+)_FILE$/;

/**
 * The variables of a process, with each that was given as a file: `DIMMER_DATABASE_URL_FILE` names a file that holds what
 * `DIMMER_DATABASE_URL` would. That is how Docker, Kubernetes and systemd hand out secrets. Newlines at its end do not count.
 *
 * @param readText - Reads a file; what it throws is told as a fault.
 * @returns The variables without those that name files, or a line for each fault: variable, rule and remedy, never a secret.
 * @example
 * withVariableFiles({ DIMMER_ADMIN_KEY_FILE: '/run/secrets/admin' }, (path) => readFileSync(path, 'utf8'));
 * // { variables: { DIMMER_ADMIN_KEY: 'dim_adm_…' }, faults: [] }
 */
export function withVariableFiles(
  environment: Variables,
  readText: (path: string) => string,
): { readonly variables: Variables; readonly faults: readonly string[] } {
  const variables = { ...environment };
  const faults: string[] = [];
  for (const [fileName, path] of Object.entries(environment)) {
    const name = FILE_NAME.exec(fileName)?.[1];
    if (name === undefined) continue;
    delete variables[fileName];
    if (path === undefined || path === '') continue;
    const read = variables[name] ? { fault: TWICE(name) } : textIn(path, readText);
    if ('fault' in read) faults.push(`${fileName} ${read.fault}`);
    else variables[name] = read.text;
  }
  return { variables, faults };
}

const TWICE = (name: string): string => `is set beside ${name}. Leave one of the two out.`;

function textIn(
  path: string,
  readText: (path: string) => string,
): { readonly text: string } | { readonly fault: string } {
  try {
    const text = readText(path).replace(/[\r\n]+$/, '');
    // It would count as not set, and a default take its place.
    return text === '' ? { fault: `names ${path}, which is empty. Write the value into it.` } : { text };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return { fault: `names a file that cannot be read: ${why}. Correct the path, or let this user read it.` };
  }
}
