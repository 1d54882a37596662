import type { TrustProposal } from '@nixfleet/release';
import type { CommandContext } from '../command-context.ts';

export function showProposal(
  { terminal }: CommandContext,
  { document, sha256, missing }: TrustProposal,
  { isJson }: { readonly isJson: boolean },
): void {
  const { version } = document;
  if (isJson) terminal.result(JSON.stringify({ version, sha256, missing }, null, 2));
  else if (missing === null) {
    terminal.result(`trust ${version} is published`);
    terminal.result(`sha256 ${sha256}`);
    if (version === 1) terminal.talk('Hand this hash over by other means: it is what everybody starts from.');
  } else {
    terminal.result(`trust ${version} waits for more signatures: ${missing}`);
    terminal.result(`sha256 ${sha256}`);
    terminal.talk('Others sign it with nixfleet trust sign --sha256 and this hash: tell them by other means.');
  }
}
