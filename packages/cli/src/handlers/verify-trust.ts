import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { verifyTrustChain } from '../verification/chain.ts';
import { openChain } from '../verification/open-chain.ts';
import { showReport } from '../verification/show-report.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { chain, start } = await openChain(context, values);
  const trust = await verifyTrustChain(chain, start);
  return showReport(context, { chain, refusal: trust.ok ? null : trust, isJson: values.flag('json') });
}
