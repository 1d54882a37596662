import type { Progress, ProgressEvent } from '@nixfleet/release';
import { printable } from '../printable.ts';
import type { Terminal } from '../terminal.ts';

/** Progress as lines on standard error; what programs print only with `isVerbose`. */
export function progressLines(terminal: Terminal, { isVerbose }: { readonly isVerbose: boolean }): Progress {
  return {
    report(event: ProgressEvent) {
      if (event.state === 'line' && !isVerbose) return;
      const { step, host, state, detail } = event;
      if (state === 'warning') {
        terminal.talk(`warning: ${printable(detail ?? step)}`);
        return;
      }
      const who = host === undefined ? '' : ` ${host}`;
      const what = state === 'line' ? '' : ` ${state}`;
      const [first, ...rest] = (detail ?? '').split('\n').filter((line) => line.trim() !== '');
      terminal.talk(`${step}${who}${what}${first === undefined ? '' : `: ${printable(first)}`}`);
      for (const line of rest) terminal.talk(`    ${printable(line)}`);
    },
  };
}
