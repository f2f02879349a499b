/** What an error says, whatever was thrown. */
export function problemOf(error: unknown): string {
  return String((error as Error | undefined)?.message ?? error);
}
