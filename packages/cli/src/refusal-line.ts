import type { Refusal } from '@nixfleet/contracts';
import type { ExitCode } from './command-definition.ts';
import { printable } from './printable.ts';
import type { Terminal } from './terminal.ts';

/** What to do next on the command line, where the reason alone does not say. */
const hints: ReadonlyMap<string, string> = new Map([
  ['floor-lost', 'give its file with --floors, or --first-use on the very first run'],
  ['not-a-descendant', 'if this is meant, --allow-rollback'],
  ['build-failed', 'see more with --verbose, or keep the closures they have with --carry-over'],
  ['hold-dropped', 'nixfleet resume --hold <sha256>, by as many approvers as a hold needs'],
  ['lost-race', 'somebody published in between: run it again'],
  [
    'not-a-signer',
    'root signers give it the role: nixfleet trust update --signer NAME=KEY.pub --role ROLE=N:NAMES (all of them)',
  ],
  ['expired', 'if it was valid then, judge at another instant with --at, or sign a new head'],
]);

/** An expected outcome that is not success, as one line with its reason; 1. */
export function showRefusal({ talk }: Terminal, { reason, detail }: Refusal<string>): ExitCode {
  const hint = hints.get(reason);
  talk(`nixfleet: refused (${reason}): ${printable(detail)}${hint === undefined ? '' : `: ${hint}`}`);
  return 1;
}
