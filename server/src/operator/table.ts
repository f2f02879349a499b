/** Characters of a line that fit every terminal. */
export const LINE_WIDTH = 100;

const GAP = 2;

/** A column of a table. */
export interface Column {
  readonly title: string;
  /** Never cut: names that are copied into the next command. */
  readonly whole?: true;
  readonly align?: 'right';
}

/**
 * Lays out rows under titles in aligned columns. Where they are wider than {@link LINE_WIDTH}, the widest columns
 * that may be cut are, with an ellipsis.
 *
 * @example tableLines([{ title: 'FLAG', whole: true }, { title: 'REASON' }], [['checkout-v2', 'payments fail']])
 */
export function tableLines(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const clean = rows.map((row) => row.map(oneLine));
  const natural = columns.map(({ title }, index) =>
    Math.max(title.length, ...clean.map((row) => row[index]?.length ?? 0)),
  );
  const widths = fitted(columns, natural);
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ align }, index) => {
        const [cell, width] = [cut(cells[index] ?? '', widths[index] ?? 0), widths[index] ?? 0];
        return align === 'right' ? cell.padStart(width) : cell.padEnd(width);
      })
      .join(' '.repeat(GAP))
      .trimEnd();
  return [line(columns.map(({ title }) => title)), ...clean.map(line)];
}

/**
 * Shortens text to a width, and says so with an ellipsis.
 *
 * @example cut('payments time out', 10) // 'payments …'
 */
export function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** Text that others wrote, without what would move the cursor or break the line. */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is taken out.
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
}

/** Words in as few lines as fit, each line a little in. */
export function wordLines(words: readonly string[]): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of words) {
    if (line !== '' && line.length + 1 + word.length > LINE_WIDTH) {
      lines.push(line);
      line = '';
    }
    line += line === '' ? `  ${word}` : ` ${word}`;
  }
  return [...lines, line];
}

function fitted(columns: readonly Column[], natural: readonly number[]): readonly number[] {
  const widths = [...natural];
  const total = (): number => widths.reduce((sum, width) => sum + width + GAP, -GAP);
  while (total() > LINE_WIDTH) {
    const widest = columns.reduce<number | undefined>((best, { title, whole }, index) => {
      const width = widths[index] ?? 0;
      if (whole === true || width <= title.length) return best;
      return best === undefined || width > (widths[best] ?? 0) ? index : best;
    }, undefined);
    if (widest === undefined) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}
