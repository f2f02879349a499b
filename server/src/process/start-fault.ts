import type { Settings } from '../settings/settings.ts';
import { redactedUrl } from '../storage/database-url.ts';
import { StorageFault } from '../storage/storage.ts';

/** Why the server did not start, and what to do about it, in one line. */
export function describeStartFault(cause: unknown, settings: Settings): string {
  const databaseUrl = redactedUrl(settings.databaseUrl);
  if (cause instanceof StorageFault) return `Dimmer cannot use its database ${databaseUrl}: ${cause.message}`;
  if (partOf(cause, 'syscall') === 'mkdir') {
    return `The folder of the database ${databaseUrl} cannot be made (${partOf(cause, 'code')}). Correct DIMMER_DATABASE_URL or --database.`;
  }
  return describeListenFault(cause, settings);
}

/** Why a port cannot be listened on, and what to do about it, in one line. */
export function describeListenFault(cause: unknown, { host, port }: Pick<Settings, 'host' | 'port'>): string {
  switch (partOf(cause, 'code')) {
    case 'EADDRINUSE':
      return `Port ${port} of ${host} is taken. Stop what listens there, or choose another with DIMMER_PORT or --port.`;
    case 'EACCES':
      return `Port ${port} of ${host} is not allowed to this user. Choose one above 1023 with DIMMER_PORT or --port.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `${host} is no address of this machine. Correct DIMMER_HOST or --host.`;
    default:
      return `Dimmer cannot start: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`;
  }
}

/** A part of an error of the system. */
function partOf(cause: unknown, name: 'code' | 'syscall'): unknown {
  return cause instanceof Error ? Reflect.get(cause, name) : undefined;
}
