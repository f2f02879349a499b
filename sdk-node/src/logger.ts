/** Where Dimmer writes. Anything with these methods fits: `console`, pino, winston. */
export interface DimmerLogger {
  readonly warn: (message: string) => void;
  readonly error: (message: string) => void;
  readonly info?: (message: string) => void;
  readonly debug?: (message: string) => void;
}

/**
 * The logger of a program that gave none: silent, but for the first warning and the first error, so that
 * trouble leaves a trace and a log is never flooded. A server that was late does not hide a key that is refused.
 *
 * @param emitWarning - `process.emitWarning`, or what stands in for it.
 */
export function quietLogger(emitWarning: (message: string) => void): DimmerLogger {
  return { warn: once(emitWarning), error: once(emitWarning) };
}

function once(emitWarning: (message: string) => void): (message: string) => void {
  let said = false;
  return (message) => {
    if (said) return;
    said = true;
    emitWarning(`${message} (more of its kind need the option \`logger\`)`);
  };
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
