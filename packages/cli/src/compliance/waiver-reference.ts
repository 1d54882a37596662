import type { StaticControlResult, TrustState, WaiverDocument } from '@nixfleet/contracts';
import { leastSeverities, type SeverityOf } from '@nixfleet/evidence';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { CommandValues } from '../command-values.ts';
import { loadSettings } from '../config/settings.ts';
import { verifyTrustChain } from '../verification/chain.ts';
import { openChain } from '../verification/open-chain.ts';
import { openReport } from './open-report.ts';

/** What the current release says that a waiver could be about. */
export interface WaiverReference {
  readonly version: number;
  readonly trust: TrustState;
  readonly controls: readonly StaticControlResult[];
  readonly severityOf: SeverityOf;
}

/** Whether somebody said where releases are and from which trust to start, by options or settings. */
async function isAtHand(context: CommandContext, values: CommandValues): Promise<boolean> {
  const { releases, trust } = (await loadSettings(context, values)).values;
  return releases !== undefined && (trust !== undefined || values.text('trust-sha256') !== undefined);
}

const unasked = 'pass --releases and --trust to have it looked at';

/** Null, and why on stderr, where there is none at hand: then nothing but its form is looked at. */
export async function waiverReference(context: CommandContext, values: CommandValues): Promise<WaiverReference | null> {
  const { terminal } = context;
  if (!(await isAtHand(context, values))) {
    terminal.talk(`whether there is such a rule and approver is not known here: ${unasked}`);
    return null;
  }
  try {
    const { report, verified } = await openReport(context, values);
    const controls = Object.values(report.hosts).flatMap((host) => host.controls);
    const { version } = verified.release.document;
    return { version, trust: verified.trust, controls, severityOf: leastSeverities(controls) };
  } catch (error) {
    if (!(error instanceof CliError) || error.code === 'usage') throw error;
    terminal.talk(`warning: whether there is such a rule and approver is not known: ${error.message}`);
    return null;
  }
}

/** What the current release or trust does not have of a waiver. The next one may: so it is told, and refuses nothing. */
export function unknownTo(
  { version, trust, controls }: WaiverReference,
  { controlId, ruleId, approver }: WaiverDocument,
): readonly string[] {
  const found: string[] = [];
  const named = controls.filter((control) => control.controlId === controlId);
  if (named.length === 0) found.push(`no host of release ${version} has a control ${controlId}`);
  else if (!named.some(({ rules }) => rules.some(({ id }) => id === ruleId))) {
    found.push(`${controlId} has no rule ${ruleId} in release ${version}`);
  }
  const { approver: role } = trust.document.roles;
  if (!role.signers.includes(approver)) found.push(`${approver} is no approver of trust ${trust.document.version}`);
  return found;
}

/** The newest trust; null, and why on stderr, where none is at hand. */
export async function trustAtHand(context: CommandContext, values: CommandValues): Promise<TrustState | null> {
  if (!(await isAtHand(context, values))) {
    context.terminal.talk(`whether this key is the approver's is not known here: ${unasked}`);
    return null;
  }
  const { chain, start } = await openChain(context, values);
  const trust = await verifyTrustChain(chain, start);
  if (!trust.ok) throw new CliError('failed', `refused (${trust.reason})`, trust.detail);
  return trust.value;
}
