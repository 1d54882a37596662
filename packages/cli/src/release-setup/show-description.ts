import type { KeyDescription } from '@nixfleet/release';
import type { CommandContext } from '../command-context.ts';
import { renderFacts } from '../render/facts.ts';

/** The public half in every form that somebody will ask for. */
export function showDescription(
  { terminal }: CommandContext,
  key: KeyDescription,
  { isJson }: { readonly isJson: boolean },
): void {
  if (isJson) {
    terminal.result(JSON.stringify(key, null, 2));
    return;
  }
  const facts: [string, string][] = [
    ['algorithm', key.algorithm],
    ['keyId', key.keyId],
    ['openssh', key.openssh],
    ['fingerprint', key.fingerprint],
  ];
  for (const line of renderFacts(facts, terminal.paint)) terminal.result(line);
  terminal.result(key.spkiPem.trimEnd());
}
