import { homedir } from 'node:os';
import { addSeconds, FleetName, type GovernanceLevel, Instant, msToInstant, WaiverDocument } from '@nixfleet/contracts';
import { waiverProblems } from '@nixfleet/evidence';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { nextId, writeApprovedFile } from '../compliance/approved-files.ts';
import { waiversFolder } from '../compliance/waiver-files.ts';
import { unknownTo, waiverReference } from '../compliance/waiver-reference.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { loadSettings, requireSetting } from '../config/settings.ts';
import { parseDuration } from '../parse-duration.ts';
import { parseTyped } from '../parse-typed.ts';
import { printable } from '../printable.ts';

/** Life of a waiver where nobody says, in seconds: what also a rule of severity `minimal` may have. */
const lifeSecondsDefault = 90 * 86_400;

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal, clock, workingDirectory, environment } = context;
  const settings = await loadSettings(context, values);
  const fleet = parseTyped(FleetName, requireSetting(settings, 'fleet'), '--fleet');
  const base = { base: workingDirectory, home: environment.HOME ?? homedir() };
  const folder = waiversFolder(absolutePath(values.text('repository') ?? '.', base));
  const now = msToInstant(clock.now());
  const life = values.text('for');
  const expiresAt = addSeconds(now, life === undefined ? lifeSecondsDefault : parseDuration(life, '--for'));
  const review = values.text('review');
  const half = addSeconds(now, Math.floor((Date.parse(expiresAt) - Date.parse(now)) / 2000));
  const need = (name: 'control' | 'rule' | 'justification' | 'owner' | 'approver'): string => {
    const text = values.text(name);
    if (text === undefined) throw new CliError('usage', `--${name} is missing`, 'see --help');
    return text;
  };
  const draft = {
    type: 'waiver',
    fleet,
    schemaVersion: 1,
    id: await nextId(folder, 'W', now.slice(0, 4)),
    controlId: need('control'),
    ruleId: need('rule'),
    scope: scopeOf(values),
    justification: need('justification'),
    owner: need('owner'),
    approver: need('approver'),
    createdAt: now,
    expiresAt,
    reviewAt: review === undefined ? half : parseTyped(Instant, review, '--review'),
    risk: values.text('risk') ?? 'medium',
    compensating: values.list('compensating'),
    ticket: values.text('ticket') ?? null,
  };
  const parsed = WaiverDocument.safeParse(draft);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new CliError('usage', `${issue?.path.join('.')}: ${issue?.message}`, 'see --help');
  }
  // Where nobody knows whether the rule is of severity `minimal`, the year is the bound of any.
  const bounded = (severity: GovernanceLevel) => {
    const problems = waiverProblems(parsed.data, severity);
    if (problems.length > 0) throw new CliError('usage', problems.join('; '), 'see --help');
  };
  bounded('standard');
  const known = await waiverReference(context, values);
  if (known !== null) {
    bounded(known.severityOf(parsed.data.ruleId) ?? 'standard');
    for (const one of unknownTo(known, parsed.data))
      terminal.talk(printable(`warning: ${one}: correct it, or it waives nothing`));
  }
  const { path } = await writeApprovedFile(folder, parsed.data);
  if (values.flag('json')) terminal.result(JSON.stringify({ id: parsed.data.id, path, expiresAt }, null, 2));
  else {
    terminal.result(`wrote ${path}, until ${expiresAt}; it counts once ${parsed.data.approver} has signed it:`);
    terminal.result(`  nixfleet compliance waiver approve ${parsed.data.id} --approver-key <key>`);
  }
  return 0;
}

function scopeOf(values: CommandValues): object {
  const hosts = values.list('host');
  const tags = values.list('tag');
  const channel = values.text('channel');
  const given = [hosts.length > 0, tags.length > 0, channel !== undefined].filter(Boolean).length;
  if (given !== 1)
    throw new CliError('usage', 'a waiver is for hosts, tags or one channel', 'give --host, --tag or --channel');
  if (channel !== undefined) return { channel };
  return hosts.length > 0 ? { hosts } : { tags };
}
