import { pinTrust, refuse, Sha256Hex, type SignedBytes, type TrustState } from '@nixfleet/contracts';
import {
  publishTrust,
  type ReleaseOutcome,
  readPendingTrust,
  readTrust,
  showTrust,
  signTrust,
  type TrustProposal,
} from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { parseTyped } from '../parse-typed.ts';
import { printable } from '../printable.ts';
import { showRefusal } from '../refusal-line.ts';
import { showProposal } from '../release-setup/show-proposal.ts';
import { parseSigners, requireSigners } from '../release-setup/signers.ts';
import { openWorkshop, type Workshop } from '../release-setup/workshop.ts';
import { trustDifference } from '../render/trust-facts.ts';

/**
 * Signs only what was named: whoever can write to the place chooses what waits there. For a pending version 1, `--trust`
 * is that very document: there is nothing before it.
 */
export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal } = context;
  const workshop = await openWorkshop(context, values);
  const { ctx, target, start, commands } = workshop;
  const signers = await parseSigners(context, commands, { texts: values.list('root-key'), option: '--root-key' });
  requireSigners(signers, '--root-key');
  const snapshot = await target.snapshot();
  const found = await findPending(workshop, snapshot.tree);
  if (!found.ok) return showRefusal(terminal, found);
  const { pending, previous } = found.value;
  const named = await requireNamed(context, values, workshop, found.value);
  if (!named.ok) return showRefusal(terminal, named);
  const proposal: ReleaseOutcome<TrustProposal> = await signTrust(ctx, { signed: pending, previous, signers });
  if (!proposal.ok) return showRefusal(terminal, proposal);
  const published = await publishTrust(ctx, { target, snapshot, proposal: proposal.value, start });
  if (!published.ok) return showRefusal(terminal, published);
  showProposal(context, proposal.value, { isJson: values.flag('json') });
  return 0;
}

/** For later versions `--sha256`; without it, what the document changes is shown, and nothing is signed. */
async function requireNamed(
  { terminal }: CommandContext,
  values: CommandValues,
  { ctx }: Workshop,
  { pending, previous }: Found,
): Promise<ReleaseOutcome<null>> {
  const text = values.text('sha256');
  const named = text === undefined ? null : parseTyped(Sha256Hex, text, '--sha256');
  const pinned = await pinTrust(ctx, pending.bytes);
  if (!pinned.ok) return pinned;
  const { sha256, document } = pinned.value;
  if (named !== null && named !== sha256) {
    return refuse(
      'hash-mismatch',
      `the pending trust ${document.version} is ${sha256}, not ${named}: nothing was signed`,
    );
  }
  if (named !== null || previous === null) return { ok: true, value: null };
  for (const line of trustDifference(showTrust(previous), showTrust(pinned.value))) terminal.talk(printable(line));
  throw new CliError(
    'usage',
    `trust ${document.version} waits as ${sha256}`,
    'if its author told you the same hash, sign it with --sha256',
  );
}

interface Found {
  readonly pending: SignedBytes;
  readonly previous: TrustState | null;
}

async function findPending(
  { ctx, start }: Workshop,
  tree: Parameters<typeof readPendingTrust>[0],
): Promise<ReleaseOutcome<Found>> {
  const first = start.document.version === 1 ? await readPendingTrust(tree, 1) : null;
  if (first) {
    const pinned = await pinTrust(ctx, first.bytes);
    if (!pinned.ok) return pinned;
    if (pinned.value.sha256 !== start.sha256) {
      return refuse(
        'hash-mismatch',
        `the pending trust 1 is ${pinned.value.sha256}, not the ${start.sha256} of --trust`,
      );
    }
    return { ok: true, value: { pending: first, previous: null } };
  }
  const chain = await readTrust(ctx, { tree, start });
  if (!chain.ok) return chain;
  const { newest } = chain.value;
  const next = newest.document.version + 1;
  const pending = await readPendingTrust(tree, next);
  return pending
    ? { ok: true, value: { pending, previous: newest } }
    : refuse('missing', `no trust ${next} is pending: nixfleet trust update proposes one`);
}
