import type { NewSecrets } from '../access/bootstrap.ts';
import { FIRST_PLACE } from '../access/bootstrap.ts';
import type { RunningServer } from './start-server.ts';

/**
 * New keys as a person reads them; nothing where there are none.
 *
 * @example keysText(newSecrets) // 'New keys, shown this once:\n  admin key   dim_adm_…'
 */
export function keysText({ admin, server }: NewSecrets): string {
  const keys = [
    ...(admin === undefined ? [] : [`  admin key   ${admin}`]),
    ...(server === undefined
      ? []
      : [`  server key  ${server}  (${FIRST_PLACE.project}/${FIRST_PLACE.environment})`]),
  ];
  return keys.length === 0 ? '' : `${['New keys, shown this once:', ...keys, ''].join('\n')}\n`;
}

/** What a person reads when the server has started: where it is, and a line to try. */
export function banner(
  { url, newSecrets }: Pick<RunningServer, 'url' | 'newSecrets'>,
  version: string,
): string {
  return [`Dimmer ${version} listens on ${url}`, '', 'Try:', `  ${tryLine(url, newSecrets.admin)}`].join(
    '\n',
  );
}

function tryLine(url: string, admin: string | undefined): string {
  if (admin === undefined) return `curl ${url}/readyz`;
  return `curl -H 'Authorization: Bearer ${admin}' ${url}/api/v1/projects/${FIRST_PLACE.project}`;
}
