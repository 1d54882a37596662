import { describeWithheld } from '@nixfleet/engine';
import { endTrial, type TrialRun, tryHost } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { hostNameArgument } from '../host-argument.ts';
import { parseDuration } from '../parse-duration.ts';
import { printable } from '../printable.ts';
import { showRefusal } from '../refusal-line.ts';
import { cacheOf, openBuild, requireCache } from '../release-setup/build-setup.ts';
import { requireSigners } from '../release-setup/signers.ts';
import { tellControlPlanes } from '../release-setup/tell-control-planes.ts';
import { openPublisher, openWorkshop } from '../release-setup/workshop.ts';

const trialSecondsDefault = 3600;

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal } = context;
  const host = hostNameArgument(values);
  const ref = values.text('ref');
  const span = values.text('for');
  const isEnd = values.flag('end');
  if (isEnd && (ref !== undefined || span !== undefined)) {
    throw new CliError('usage', '--end ends a trial; --ref and --for begin one', 'give one or the other');
  }
  if (!isEnd && ref === undefined) {
    throw new CliError('usage', 'a trial needs a ref', 'say which branch, tag or commit: --ref new-kernel');
  }
  const seconds = span === undefined ? trialSecondsDefault : parseDuration(span, '--for');
  const workshop = await openWorkshop(context, values);
  const publisher = await openPublisher(context, values, workshop);
  requireSigners(publisher.releaseSigners, '--release-key');
  requireSigners(publisher.headSigners, '--head-key');
  const { ports, ...build } = await openBuild(context, values, workshop);
  const outcome =
    ref === undefined
      ? await endTrial(ports, { host, publisher })
      : await tryHost(ports, { ...build, host, ref, seconds, cache: requireCache(cacheOf(values)), publisher });
  if (!outcome.ok) return showRefusal(terminal, outcome);
  for (const withheld of outcome.value.withheld) {
    terminal.talk(`warning: ${host} will not begin it before it ends: ${printable(describeWithheld(withheld))}`);
  }
  if (values.flag('json')) terminal.result(JSON.stringify(runJson(outcome.value), null, 2));
  else terminal.result(runLine(host, outcome.value));
  if (outcome.value.outcome.value.kind === 'published') await tellControlPlanes(context, values);
  return 0;
}

function runLine(host: string, { release, trial, outcome }: TrialRun): string {
  const what =
    trial === null
      ? `${host} tries nothing any more`
      : `${host} tries ${trial.commit.slice(0, 12)} until ${trial.expiresAt}: ${trial.closure}`;
  const { value } = outcome;
  if (value.kind === 'published') return `release ${release.version} is published: ${what}`;
  return `release ${release.version} is pending as ${value.sha256}: ${what}, once it is signed: ${value.missing}`;
}

function runJson({ release, trial, withheld, outcome: { value } }: TrialRun): object {
  const { version } = release;
  if (value.kind === 'pending')
    return { kind: value.kind, version, sha256: value.sha256, trial, withheld, missing: value.missing };
  return { kind: value.kind, version, sha256: value.head.document.release.sha256, trial, withheld };
}
