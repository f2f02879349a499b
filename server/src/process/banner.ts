import { FIRST_PLACE } from '../access/bootstrap.ts';
import type { RunningServer } from './start-server.ts';

/** What a person reads when the server has started: where it is, its new keys, and a line to try. */
export function banner(
  { url, newSecrets }: Pick<RunningServer, 'url' | 'newSecrets'>,
  version: string,
): string {
  const { admin, server } = newSecrets;
  const keys = [
    ...(admin === undefined ? [] : [`  admin key   ${admin}`]),
    ...(server === undefined
      ? []
      : [`  server key  ${server}  (${FIRST_PLACE.project}/${FIRST_PLACE.environment})`]),
  ];
  const shownOnce = ['', 'New keys, shown this once:', ...keys];
  return [
    `Dimmer ${version} listens on ${url}`,
    ...(keys.length > 0 ? shownOnce : []),
    '',
    'Try:',
    `  ${tryLine(url, admin)}`,
  ].join('\n');
}

function tryLine(url: string, admin: string | undefined): string {
  if (admin === undefined) return `curl ${url}/readyz`;
  return `curl -H 'Authorization: Bearer ${admin}' ${url}/api/v1/projects/${FIRST_PLACE.project}`;
}
