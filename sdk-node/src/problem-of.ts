/** What a caught value says, in one line. */
export function problemOf(error: unknown): string {
  return error instanceof Error ? error.message : 'an unknown problem';
}
