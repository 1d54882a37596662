import type { Colour, Paint } from './paint.ts';

export interface Cell {
  readonly text: string;
  readonly colour?: Colour;
}

export interface Table {
  readonly headings: readonly string[];
  readonly rows: readonly (readonly (Cell | string)[])[];
}

/** Least width of the last column when a table is fitted to a terminal, in columns. */
const lastColumnMin = 12;

/**
 * Left-aligned columns, two spaces apart, no trailing spaces. With `columns` the last one is cut to fit the terminal;
 * without, every line is whole, so that a pipe loses nothing.
 */
export function renderTable(
  { headings, rows }: Table,
  { paint, columns }: { readonly paint: Paint; readonly columns: number | null },
): string[] {
  const cells = rows.map((row) => row.map((cell): Cell => (typeof cell === 'string' ? { text: cell } : cell)));
  const head = headings.map((text): Cell => ({ text, colour: 'dim' }));
  const widths = headings.map((_, i) => Math.max(...[head, ...cells].map((row) => widthOf(row[i]?.text ?? ''))));
  const last = headings.length - 1;
  const before = widths.slice(0, last).reduce((sum, width) => sum + width + 2, 0);
  const room = columns === null ? null : Math.max(lastColumnMin, columns - before);
  return [head, ...cells].map((row) => {
    const line = row.map((cell, i) => {
      const text = i === last && room !== null ? cut(cell.text, room) : cell.text;
      const padding = i === last ? '' : ' '.repeat(Math.max(0, (widths[i] ?? 0) - widthOf(text)));
      return (cell.colour && text !== '' ? paint(cell.colour, text) : text) + padding;
    });
    return line.join('  ').trimEnd();
  });
}

function widthOf(text: string): number {
  return [...text].length;
}

/** At most `columns` characters, the last an ellipsis where something was cut. */
export function cut(text: string, columns: number): string {
  const characters = [...text];
  return characters.length <= columns ? text : `${characters.slice(0, Math.max(0, columns - 1)).join('')}…`;
}
