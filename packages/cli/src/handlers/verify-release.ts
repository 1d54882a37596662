import type { Refusal } from '@nixfleet/contracts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { type Chain, verifyChain } from '../verification/chain.ts';
import { verifyHolds } from '../verification/holds.ts';
import { openChain } from '../verification/open-chain.ts';
import { namedRollouts, verifyRollout } from '../verification/rollouts.ts';
import { showReport } from '../verification/show-report.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { chain, start } = await openChain(context, values);
  return showReport(context, { chain, refusal: await verifyEverything(chain, start), isJson: values.flag('json') });
}

/** Null when all of it holds. */
async function verifyEverything(chain: Chain, start: Uint8Array): Promise<Refusal | null> {
  const verified = await verifyChain(chain, start);
  if (!verified.ok) return verified;
  for (const named of namedRollouts(verified.value.release)) {
    const manifest = await verifyRollout(chain, verified.value.release, named);
    if (!manifest.ok) return manifest;
  }
  return verifyHolds(chain, verified.value);
}
