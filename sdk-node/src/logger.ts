/** Where Dimmer writes. Anything with these methods fits: `console`, pino, winston. */
export interface DimmerLogger {
  readonly warn: (message: string) => void;
  readonly error: (message: string) => void;
  readonly info?: (message: string) => void;
  readonly debug?: (message: string) => void;
}

/**
 * The logger of a program that gave none: silent, but for one process warning, so that trouble leaves a
 * trace and a log is never flooded.
 *
 * @param emitWarning - `process.emitWarning`, or what stands in for it.
 */
export function quietLogger(emitWarning: (message: string) => void): DimmerLogger {
  let said = false;
  const once = (message: string): void => {
    if (said) return;
    said = true;
    emitWarning(`${message} (further warnings need the option \`logger\`)`);
  };
  return { warn: once, error: once };
}

/** A logger that throws must not reach the code that asks for a flag. */
export function safeLogger(logger: DimmerLogger): DimmerLogger {
  return { warn: guarded((text) => logger.warn(text)), error: guarded((text) => logger.error(text)) };
}

function guarded(write: (message: string) => void): (message: string) => void {
  return (message) => {
    try {
      write(message);
    } catch {
      // There is nobody left to tell.
    }
  };
}
