import { homedir } from 'node:os';
import { type Instant, msToInstant, type WaiverDocument } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { verifyWaiver, type WaiverState, waiverState } from '@nixfleet/evidence';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { CommandValues } from '../command-values.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { verifyTrustChain } from '../verification/chain.ts';
import { openChain } from '../verification/open-chain.ts';
import { parseWaiver, readWaiverFiles } from './waiver-files.ts';

/** A waiver of the work tree, whether it counts, and where it stands in its life. */
export interface KnownWaiver {
  readonly document: WaiverDocument;
  readonly state: WaiverState;
  /** Why it does not count; null if it does. */
  readonly problem: string | null;
}

/**
 * The waivers of a work tree, verified under the newest trust. The severity of a rule is not known here: a waiver that lives
 * longer than a rule of severity `minimal` allows is told at the release.
 */
export async function knownWaivers(
  context: CommandContext,
  values: CommandValues,
): Promise<{ readonly waivers: readonly KnownWaiver[]; readonly now: Instant }> {
  const { chain, start } = await openChain(context, values);
  const trust = await verifyTrustChain(chain, start);
  if (!trust.ok) throw new CliError('failed', `refused (${trust.reason})`, trust.detail);
  const base = { base: context.workingDirectory, home: context.environment.HOME ?? homedir() };
  const repository = absolutePath(values.text('repository') ?? '.', base);
  const now = chain.now ?? msToInstant(context.clock.now());
  const waivers: KnownWaiver[] = [];
  for (const file of await readWaiverFiles(repository)) {
    const document = parseWaiver(file);
    const signed = { bytes: file.bytes, signatures: new Map(), sshSignatures: file.sshSignatures };
    const ctx = { crypto: nodeCrypto, fleet: chain.ctx.fleet };
    const verified = await verifyWaiver(ctx, { trust: trust.value, signed, severityOf: () => 'standard' });
    waivers.push({
      document,
      state: waiverState(document, now),
      problem: verified.ok ? null : `${verified.reason}: ${verified.detail}`,
    });
  }
  return { waivers, now };
}
