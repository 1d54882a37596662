import { noPaint, type Paint, terminalPaint } from './render/paint.ts';

/** Where a command writes: results on one side, everything else on the other. */
export interface Terminal {
  /** Standard output; a newline is added. */
  result(text: string): void;
  /** Standard error: progress and remarks; a newline is added. */
  talk(text: string): void;
  /** Standard output as it is: escape sequences of a screen that redraws itself. */
  raw(text: string): void;
  readonly paint: Paint;
  /** Width and height of the terminal; null where standard output is none. */
  readonly columns: number | null;
  readonly rows: number | null;
}

export interface Streams {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

/** Colours only on a terminal that can show them and nobody refused (https://no-color.org). */
export function systemTerminal(
  { stdout, stderr }: Streams,
  environment: Readonly<Record<string, string | undefined>>,
): Terminal {
  const wantsColour = !environment.NO_COLOR && environment.TERM !== 'dumb';
  return {
    result: (text) => void stdout.write(`${text}\n`),
    talk: (text) => void stderr.write(`${text}\n`),
    raw: (text) => void stdout.write(text),
    paint: stdout.isTTY === true && wantsColour ? terminalPaint : noPaint,
    get columns() {
      return stdout.isTTY === true ? stdout.columns : null;
    },
    get rows() {
      return stdout.isTTY === true ? stdout.rows : null;
    },
  };
}
