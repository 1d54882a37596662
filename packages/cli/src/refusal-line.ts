import type { Refusal } from '@nixfleet/contracts';
import type { ExitCode } from './command-definition.ts';
import { printable } from './printable.ts';
import type { Terminal } from './terminal.ts';

/** An expected outcome that is not success, as one line with its reason; 1. */
export function showRefusal({ talk }: Terminal, { reason, detail }: Refusal<string>): ExitCode {
  talk(`nixfleet: refused (${reason}): ${printable(detail)}`);
  return 1;
}
