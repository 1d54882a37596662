import { msToInstant } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { type ReleaseRun, type ReleaseSummary, release } from '@nixfleet/release';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { ciReportWriter } from '../compliance/ci-report.ts';
import { showRefusal } from '../refusal-line.ts';
import { parseApprovers } from '../release-setup/approvers.ts';
import { cacheOf, openBuild, requireCache, retryHosts } from '../release-setup/build-setup.ts';
import { emergencyOf } from '../release-setup/emergency.ts';
import { requireSigners } from '../release-setup/signers.ts';
import { openPublisher, openWorkshop } from '../release-setup/workshop.ts';
import { releaseSummary } from '../render/release-summary.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const emergency = emergencyOf(values, msToInstant(systemClock.now()));
  const onStaticReport = ciReportWriter(context, values);
  const workshop = await openWorkshop(context, values);
  const approvers = await parseApprovers(context, values, workshop.commands);
  const publisher = { ...(await openPublisher(context, values, workshop)), approvers };
  const isDryRun = values.flag('dry-run');
  if (!isDryRun) {
    requireSigners(publisher.releaseSigners, '--release-key');
    requireSigners(publisher.headSigners, '--head-key');
  }
  const { ports, ...build } = await openBuild(context, values, workshop);
  const cache = cacheOf(values);
  const outcome = await release(ports, {
    ...build,
    cache: isDryRun ? cache : requireCache(cache),
    publisher,
    carryOver: values.flag('carry-over'),
    retry: retryHosts(values),
    force: values.flag('force'),
    onStaticReport,
    ...(emergency === undefined ? {} : { emergency }),
    allowRollback: values.flag('allow-rollback'),
    isDryRun,
  });
  if (!outcome.ok) return showRefusal(context.terminal, outcome);
  const { terminal } = context;
  if (values.flag('json')) terminal.result(JSON.stringify(runJson(outcome.value), null, 2));
  else for (const line of runLines(outcome.value, context)) terminal.result(line);
  return 0;
}

function runLines(run: ReleaseRun, { terminal }: CommandContext): string[] {
  switch (run.kind) {
    case 'nothing-to-release':
      return [`nothing to release: release ${run.version} says the same`];
    case 'dry-run':
      return [...releaseSummary(run.summary, terminal), '', 'dry run: nothing was pushed, signed or published'];
    default: {
      const { value } = run.outcome;
      const last =
        value.kind === 'published'
          ? `published, under head ${value.head.document.version} until ${value.head.document.expiresAt}`
          : `pending as ${value.sha256}: ${value.missing}; others add theirs with ${othersAdd(run.summary)}`;
      return [...releaseSummary(run.summary, terminal), '', last];
    }
  }
}

function othersAdd({ assembly }: ReleaseSummary): string {
  return assembly.release.emergency === undefined ? 'nixfleet release sign --pending' : 'nixfleet release approve';
}

function runJson(run: ReleaseRun): object {
  if (run.kind === 'nothing-to-release') return run;
  const result = summaryJson(run.summary);
  if (run.kind === 'dry-run') return { kind: run.kind, ...result };
  const { value } = run.outcome;
  const { revision } = value;
  if (value.kind === 'pending') return { kind: value.kind, ...result, revision, missing: value.missing };
  return { kind: value.kind, ...result, revision, head: value.head.document };
}

export function summaryJson({ assembly, changes, warnings, previousVersion }: ReleaseSummary): object {
  const { release: document, sha256, changedChannels } = assembly;
  const { version, source } = document;
  return { version, previousVersion, sha256, source, changedChannels, warnings, hosts: changes };
}
