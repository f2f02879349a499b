import type { Log } from '../platform/log.ts';
import type { Listening } from './listening.ts';

/** Exit codes: the settings are wrong; what was to start could not. */
export const EXIT_SETTINGS = 2;
export const EXIT_START = 1;

/**
 * SIGTERM is what a deployment sends: the server drains. SIGINT is a person at the keyboard, who waits: it closes in
 * a second or so. A second signal of either kind does not wait at all.
 */
export function endOnSignal(server: Pick<Listening, 'drain' | 'close'>, log: Log): void {
  let isEnding = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (isEnding) process.exit(EXIT_START);
    isEnding = true;
    log.info({ signal }, 'closing');
    const ended = signal === 'SIGTERM' ? server.drain() : server.close();
    ended.then(
      () => process.exit(0),
      (cause: unknown) => {
        log.error({ err: cause }, 'closing failed');
        process.exit(EXIT_START);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

/** Says why nothing was started. */
export function fail(message: string, exitCode: number): void {
  process.stderr.write(`${message}\n`);
  process.exitCode = exitCode;
}
