const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** @example bytesText(1_572_864) // '1.5 MiB' */
export function bytesText(bytes: number): string {
  const index = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  const amount = bytes / 1024 ** index;
  return `${index === 0 || amount >= 100 ? Math.round(amount) : amount.toFixed(1)} ${UNITS[index]}`;
}

/** @example agoText(7_200_000) // '2 hours' */
export function agoText(ms: number): string {
  const hours = Math.floor(ms / 3_600_000);
  if (hours < 2) return `${Math.max(0, Math.floor(ms / 60_000))} minutes`;
  return hours < 48 ? `${hours} hours` : `${Math.floor(hours / 24)} days`;
}
