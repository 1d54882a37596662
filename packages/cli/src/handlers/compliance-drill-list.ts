import { homedir } from 'node:os';
import { addSeconds, countApprovers, msToInstant } from '@nixfleet/contracts';
import { drillProblem, provesGate } from '@nixfleet/evidence';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { drillLine, stepLine } from '../drill/describe-drill.ts';
import { type DrillFile, drillsFolder, readDrills, readPlan } from '../drill/drill-files.ts';
import { printable } from '../printable.ts';
import { verifyTrustChain } from '../verification/chain.ts';
import { type OpenedChain, openChain } from '../verification/open-chain.ts';

const dayDefault = 31;

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal, clock, workingDirectory, environment } = context;
  const base = { base: workingDirectory, home: environment.HOME ?? homedir() };
  const repository = absolutePath(values.text('repository') ?? '.', base);
  const opened = await openChain(context, values);
  const files = await readDrills(drillsFolder(repository), opened.chain.ctx.fleet);
  const problems = await problemsOf(opened, files);
  const plan = await readPlan(repository);
  const rows = files.map((file, i) => ({ ...file.document, problem: problems[i] ?? null }));
  if (values.flag('json')) {
    terminal.result(JSON.stringify({ underWay: plan, drills: rows }, null, 2));
    return 0;
  }
  for (const row of rows) {
    terminal.result(`${drillLine(row)}${row.problem === null ? '' : `: does not count: ${printable(row.problem)}`}`);
    for (const step of values.flag('steps') ? row.steps : []) terminal.result(`  ${stepLine(step)}`);
  }
  if (plan)
    terminal.result(`${plan.id}  under way  ${plan.failAt} on ${plan.hosts.join(', ')}, until ${plan.deadline}`);
  const since = addSeconds(msToInstant(clock.now()), -dayDefault * 86_400);
  const isProven = rows.some((row) => row.problem === null && provesGate(row) && row.endedAt >= since);
  if (!isProven) terminal.result(`no drill on a host passed in the last ${dayDefault} days: the gate is unproven`);
  return 0;
}

/** Why each does not count; null where it does. */
async function problemsOf({ chain, start }: OpenedChain, files: readonly DrillFile[]): Promise<(string | null)[]> {
  const { ctx } = chain;
  const trust = await verifyTrustChain(chain, start);
  if (!trust.ok) throw new CliError('failed', `${trust.reason}: ${trust.detail}`, 'see nixfleet verify trust');
  const problems: (string | null)[] = [];
  for (const { bytes, document, sshSignatures } of files) {
    const signed = { bytes, signatures: new Map(), sshSignatures };
    const { signers } = await countApprovers(ctx, trust.value, `drill@${ctx.fleet}`, signed);
    problems.push(signers.size === 0 ? 'no approver signed it' : drillProblem(document));
  }
  return problems;
}
