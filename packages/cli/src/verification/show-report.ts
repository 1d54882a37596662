import type { Refusal } from '@nixfleet/contracts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import { printable } from '../printable.ts';
import { showRefusal } from '../refusal-line.ts';
import type { Chain } from './chain.ts';
import type { VerificationReport, VerificationStep } from './report.ts';

/** Prints every step and the verdict; 1 when something was refused. `more` follows the steps of a check that holds. */
export function showReport<More extends object>(
  { terminal }: CommandContext,
  outcome: {
    readonly chain: Chain;
    readonly refusal: Refusal<string> | null;
    readonly isJson: boolean;
    readonly more?: { readonly json: More; readonly lines: readonly string[] } | undefined;
  },
): ExitCode {
  const { chain, refusal, isJson, more } = outcome;
  const report: VerificationReport = {
    ok: refusal === null,
    fleet: chain.ctx.fleet,
    at: chain.now,
    steps: chain.steps,
    refusal: refusal && { reason: refusal.reason, detail: refusal.detail },
  };
  if (isJson) terminal.result(JSON.stringify({ ...report, ...more?.json }, null, 2));
  else {
    for (const step of chain.steps) for (const line of stepLines(step)) terminal.result(line);
    for (const line of more?.lines ?? []) terminal.result(line);
    if (!refusal)
      terminal.result(terminal.paint('green', `everything holds (fleet ${chain.ctx.fleet}, at ${chain.now})`));
  }
  return refusal ? showRefusal(terminal, refusal) : 0;
}

function stepLines({ document, sha256, statement, signers, keyIds }: VerificationStep): string[] {
  const lines = [`ok ${document}: ${printable(statement)}`];
  if (sha256 !== null) lines.push(`     sha256 ${sha256}`);
  if (signers.length > 0) lines.push(`     signed by ${signers.join(', ')}`);
  for (const keyId of keyIds) lines.push(`     key ${keyId}`);
  return lines;
}
