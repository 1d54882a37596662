import { homedir } from 'node:os';
import { addSeconds, msToInstant, pinTrust } from '@nixfleet/contracts';
import { type DrillApproval, drillApproval, drillProblem, formerApprover, provesGate } from '@nixfleet/evidence';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { drillLine, stepLine } from '../drill/describe-drill.ts';
import { type DrillFile, drillsFolder, readDrills, readPlan } from '../drill/drill-files.ts';
import { walkTrustStates } from '../packet/trust-states.ts';
import { printable } from '../printable.ts';
import { type OpenedChain, openChain } from '../verification/open-chain.ts';

const dayDefault = 31;

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal, clock, workingDirectory, environment } = context;
  const base = { base: workingDirectory, home: environment.HOME ?? homedir() };
  const repository = absolutePath(values.text('repository') ?? '.', base);
  const opened = await openChain(context, values);
  const files = await readDrills(drillsFolder(repository), opened.chain.ctx.fleet);
  const judged = await judge(opened, files);
  const plan = await readPlan(repository);
  const rows = files.map(({ document }, i) => ({ ...document, problem: null, approval: null, ...judged[i] }));
  if (values.flag('json')) {
    terminal.result(JSON.stringify({ underWay: plan, drills: rows }, null, 2));
    return 0;
  }
  for (const row of rows) {
    const former = row.approval === 'former' ? `; ${formerApprover}` : '';
    const how = row.problem === null ? former : `: does not count: ${printable(row.problem)}`;
    terminal.result(`${drillLine(row)}${how}`);
    for (const step of values.flag('steps') ? row.steps : []) terminal.result(`  ${stepLine(step)}`);
  }
  if (plan)
    terminal.result(`${plan.id}  under way  ${plan.failAt} on ${plan.hosts.join(', ')}, until ${plan.deadline}`);
  const since = addSeconds(msToInstant(clock.now()), -dayDefault * 86_400);
  const isProven = rows.some((row) => row.problem === null && provesGate(row) && row.endedAt >= since);
  if (!isProven) terminal.result(`no drill on a host passed in the last ${dayDefault} days: the gate is unproven`);
  return 0;
}

interface Judged {
  /** Why it does not count; null where it does. */
  readonly problem: string | null;
  readonly approval: DrillApproval | null;
}

async function judge({ chain, start }: OpenedChain, files: readonly DrillFile[]): Promise<readonly Judged[]> {
  const { ctx, place } = chain;
  const pinned = await pinTrust(ctx, start);
  if (!pinned.ok) throw new CliError('failed', `${pinned.reason}: ${pinned.detail}`, 'see nixfleet verify trust');
  const trust = await walkTrustStates(ctx, place, pinned.value);
  const judged: Judged[] = [];
  for (const { bytes, document, sshSignatures } of files) {
    const signed = { bytes, signatures: new Map(), sshSignatures };
    const approval = await drillApproval(ctx, { trust, record: document, signed });
    judged.push({ approval, problem: approval === null ? 'no approver signed it' : drillProblem(document) });
  }
  return judged;
}
