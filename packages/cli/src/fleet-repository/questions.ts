import { createInterface } from 'node:readline/promises';
import { CliError } from '../cli-error.ts';

/** Asks a person at the terminal; null where there is none. Answers go to standard input, questions to standard error. */
export interface Questions extends Disposable {
  ask(question: string): Promise<string>;
}

export function openQuestions(signal: AbortSignal): Questions | null {
  if (!process.stdin.isTTY) return null;
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  // Ctrl-D: nobody will answer any more.
  const closed = new AbortController();
  lines.once('close', () => closed.abort());
  const ended = AbortSignal.any([signal, closed.signal]);
  return {
    async ask(question) {
      try {
        return (await lines.question(question, { signal: ended })).trim();
      } catch (cause) {
        if (!ended.aborted) throw cause;
        throw new CliError('failed', 'nothing was answered', 'nothing was written', { cause });
      }
    },
    [Symbol.dispose]: () => lines.close(),
  };
}
