import { printable } from '../printable.ts';
import type { Terminal } from '../terminal.ts';
import type { KnownWaiver } from './known-waivers.ts';

export function showWaivers(
  terminal: Terminal,
  waivers: readonly KnownWaiver[],
  { isJson, none }: { readonly isJson: boolean; readonly none: string },
): void {
  if (isJson) {
    const shown = waivers.map(({ document, state, problem }) => ({ ...document, state, problem }));
    terminal.result(JSON.stringify({ waivers: shown }, null, 2));
    return;
  }
  if (waivers.length === 0) terminal.result(none);
  for (const { document, state, problem } of waivers) {
    const { id, controlId, ruleId, scope, expiresAt, owner, approver } = document;
    const people = `${printable(owner)}, approved by ${approver}`;
    terminal.result(`${id} ${state} until ${expiresAt}: ${controlId} ${ruleId} on ${JSON.stringify(scope)}; ${people}`);
    if (problem !== null) terminal.result(terminal.paint('red', `  does not count: ${printable(problem)}`));
  }
}
