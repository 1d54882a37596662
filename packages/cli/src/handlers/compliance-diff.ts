import {
  documentBytesMax,
  pinTrust,
  ReleaseDocument,
  readDocument,
  type StaticReport,
  type StaticRuleResult,
  type TrustState,
} from '@nixfleet/contracts';
import { staticChanges, verifyHistoricRelease } from '@nixfleet/evidence';
import { readSigned } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { walkTrustStates } from '../packet/trust-states.ts';
import type { Chain } from '../verification/chain.ts';
import { openChain } from '../verification/open-chain.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal } = context;
  const [from, to] = [versionOf(values, 'from'), versionOf(values, 'to')];
  const { chain, start } = await openChain(context, values);
  const pinned = await pinTrust(chain.ctx, start);
  if (!pinned.ok) throw new CliError('failed', `refused (${pinned.reason})`, pinned.detail);
  const trust = await walkTrustStates(chain.ctx, chain.place, pinned.value);
  const changes = changesBetween(await reportOf(chain, trust, from), await reportOf(chain, trust, to));
  if (values.flag('json')) terminal.result(JSON.stringify({ from, to, changes }, null, 2));
  else if (changes.length === 0) terminal.result(`releases ${from} and ${to} come to the same`);
  else for (const one of changes) terminal.result(`${one.host} ${one.ruleId}: ${one.before} → ${one.after}`);
  return 0;
}

function versionOf(values: CommandValues, name: 'from' | 'to'): number {
  const text = values.argument(name);
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new CliError('usage', `${name} '${text}'`, 'expected the version of a release');
}

async function reportOf({ ctx, place }: Chain, trust: readonly TrustState[], version: number): Promise<StaticReport> {
  for (const name of await place.list('release')) {
    if (!/^[0-9a-f]{64}\.json$/.test(name)) continue;
    const bytes = await place.read(`release/${name}`, documentBytesMax.release);
    const read = bytes && readDocument(ctx.fleet, { type: 'release', schema: ReleaseDocument }, bytes);
    if (!read?.ok || read.value.document.version !== version) continue;
    const signed = await readSigned(place, `release/${name}`, documentBytesMax.release);
    if (!signed) continue;
    const verified = await verifyHistoricRelease(ctx, { signed, trust, read: (path, max) => place.read(path, max) });
    if (!verified.ok) throw new CliError('failed', `release ${version}: ${verified.reason}`, verified.detail);
    if (verified.value.report) return verified.value.report;
    throw new CliError('failed', `release ${version} has no static report`, 'compare releases that have one');
  }
  throw new CliError('failed', `release ${version} is not in ${place.name}`, 'check the version');
}

function changesBetween(before: StaticReport, after: StaticReport) {
  return staticChanges(before, after).flatMap(({ host, ruleId, mode, modeBefore, ...rule }) => {
    // What a failure does is told where that changed.
    const under = (word: string, of: string) =>
      modeBefore === null || modeBefore === mode ? word : `${word} under ${of}`;
    const one = under(wordOf(rule.before), modeBefore ?? mode);
    const two = under(wordOf(rule.after), mode);
    return one === two ? [] : [{ host, ruleId, before: one, after: two }];
  });
}

function wordOf(rule: StaticRuleResult | undefined): string {
  if (rule === undefined) return 'not there';
  if (rule.decision === 'waived') return `waived by ${rule.waiverId}`;
  return rule.status === 'not-applicable' ? `not applicable (${rule.via ?? rule.reason})` : rule.status;
}
