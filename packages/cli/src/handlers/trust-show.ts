import { showTrust } from '@nixfleet/release';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { showRefusal } from '../refusal-line.ts';
import { renderFacts } from '../render/facts.ts';
import { trustFacts } from '../render/trust-facts.ts';
import { verifyTrustChain } from '../verification/chain.ts';
import { openChain } from '../verification/open-chain.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal } = context;
  const { chain, start } = await openChain(context, values);
  const trust = await verifyTrustChain(chain, start);
  if (!trust.ok) return showRefusal(terminal, trust);
  const summary = showTrust(trust.value);
  if (values.flag('json')) terminal.result(JSON.stringify(summary, null, 2));
  else for (const line of renderFacts(trustFacts(summary), terminal.paint)) terminal.result(line);
  return 0;
}
