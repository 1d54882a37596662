import {
  accept,
  type Instant,
  msToInstant,
  type PlanView,
  type RefusedPlanView,
  type StaticReport,
  type VerifyContext,
} from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { expectedSeconds, forecast } from '@nixfleet/engine';
import {
  type ReleaseBase,
  type ReleaseOutcome,
  readBase,
  readStaticReport,
  release,
  type StaticGateRefusal,
} from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { loadSettings } from '../config/settings.ts';
import { type ControlPlaneReader, openReader } from '../control-plane-reader.ts';
import { hostsOfControlPlane, hostsOfLastRelease } from '../plan/hosts-now.ts';
import { type PastDurations, pastDurations } from '../plan/past-durations.ts';
import { planControls } from '../plan/plan-controls.ts';
import { planHosts } from '../plan/plan-hosts.ts';
import { type PlannedRelease, plannedRelease } from '../plan/planned-release.ts';
import { parseWhatIf, requireHosts, type WhatIf } from '../plan/what-if.ts';
import { printable } from '../printable.ts';
import { showRefusal } from '../refusal-line.ts';
import { cacheOf, openBuild } from '../release-setup/build-setup.ts';
import { openPublisher, openWorkshop } from '../release-setup/workshop.ts';
import { controlLines } from '../render/control-lines.ts';
import { planMarkdown, refusedMarkdown } from '../render/plan-markdown.ts';
import { planPage } from '../render/plan-page.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal } = context;
  const whatIf = parseWhatIf(values.list('what-if'));
  const format = formatOf(values);
  const view = await planView(context, values, whatIf);
  if (!view.ok) {
    if ('refusedPlan' in view) showRefusedPlan(context, values, { plan: view.refusedPlan, format });
    return showRefusal(terminal, view);
  }
  if (values.flag('json')) terminal.result(JSON.stringify(view.value, null, 2));
  else {
    const lines = format === 'markdown' ? planMarkdown(view.value) : planPage(view.value, terminal);
    for (const line of lines) terminal.result(line);
  }
  return 0;
}

function formatOf(values: CommandValues): 'text' | 'markdown' {
  const text = values.text('format') ?? 'text';
  if (text === 'text' || text === 'markdown') return text;
  throw new CliError('usage', `--format '${printable(text)}'`, 'expected text or markdown');
}

async function planView(
  context: CommandContext,
  values: CommandValues,
  whatIf: WhatIf,
): Promise<ReleaseOutcome<PlanView> | PlanRefusal> {
  const workshop = await openWorkshop(context, values);
  const publisher = await openPublisher(context, values, workshop);
  const { ports, ...build } = await openBuild(context, values, workshop);
  const carryOver = values.flag('carry-over');
  const run = await release(ports, { ...build, cache: cacheOf(values), publisher, carryOver, isDryRun: true });
  const base = await readBase(workshop.ctx, publisher, systemClock);
  if (!base.ok) return run.ok ? base : run;
  const last = await lastReport(workshop.ctx, base.value);
  if (!last.ok) return run.ok ? last : run;
  if (!run.ok) return 'report' in run ? refusedPlan(run, last.value) : run;
  const now = msToInstant(systemClock.now());
  const summary = run.value.kind === 'nothing-to-release' ? null : run.value.summary;
  const assembly = summary?.assembly ?? null;
  const planned = await plannedRelease(workshop.ctx, { assembly, base: base.value, now });
  if (!planned) throw new CliError('failed', 'nothing was released yet and there is nothing to release', 'add a host');
  requireHosts(whatIf, planned.fleet);
  const hosts = await planHosts(planned, {
    assembly,
    base: base.value,
    changes: summary?.changes ?? null,
    root: storeRoot(values),
    controls: planControls(last.value, assembly === null ? last.value : (assembly.compliance?.report ?? null)),
  });
  const known = await whatIsKnown(context, values, { planned, base: base.value, now });
  const { document } = planned.release;
  return {
    ok: true,
    value: {
      fleet: document.fleet,
      now,
      source: document.source,
      isRelease: assembly !== null,
      version: document.version,
      previousVersion: base.value.previous?.release.document.version ?? null,
      sha256: assembly?.sha256 ?? null,
      warnings: [...(summary?.warnings ?? [])],
      changedChannels: [...(assembly?.changedChannels ?? [])],
      hosts,
      forecast: forecast({
        release: planned.release,
        views: { hosts: known.views, rebuild: null },
        now,
        secondsOf: (host) => expectedSeconds(known.past.measured, host),
        offline: whatIf.offline,
        fails: whatIf.fail,
        needsBoot: new Set(hosts.filter(({ system }) => (system?.reboot.length ?? 0) > 0).map(({ host }) => host)),
      }),
      basis: { hosts: known.from, durations: known.past.from, measuredHosts: known.past.measured.hosts.size },
      whatIf: { offline: [...whatIf.offline].sort(), fail: [...whatIf.fail].sort() },
    },
  };
}

/** The static gate refuses, and says how every rule would stand. */
type PlanRefusal = StaticGateRefusal & { readonly refusedPlan: RefusedPlanView };

function refusedPlan(refusal: StaticGateRefusal, before: StaticReport | null): PlanRefusal {
  const { reason, detail, report } = refusal;
  const hosts = [...planControls(before, report)].map(([host, controls]) => ({ host, controls }));
  return { ...refusal, refusedPlan: { refused: { reason, detail }, hosts } };
}

function showRefusedPlan(
  { terminal }: CommandContext,
  values: CommandValues,
  { plan, format }: { readonly plan: RefusedPlanView; readonly format: 'text' | 'markdown' },
): void {
  if (values.flag('json')) return terminal.result(JSON.stringify(plan, null, 2));
  const lines =
    format === 'markdown'
      ? refusedMarkdown(plan)
      : plan.hosts.flatMap(({ host, controls }) => controlLines(host, controls));
  for (const line of lines) terminal.result(line);
}

async function lastReport(ctx: VerifyContext, { previous, snapshot }: ReleaseBase) {
  return previous ? readStaticReport(ctx, snapshot.tree, previous.release.document) : accept(null);
}

/** Folder of a store that is not this machine's own, for looking into closures; else empty. */
function storeRoot(values: CommandValues): string {
  const store = values.text('store') ?? '';
  return store.startsWith('/') ? store.replace(/\/+$/, '') : '';
}

interface Known {
  readonly from: PlanView['basis']['hosts'];
  readonly views: ReturnType<typeof hostsOfLastRelease>;
  readonly past: PastDurations;
}

/** From the control plane, where one is configured and answers: a plan must not fail in CI because it cannot be reached. */
async function whatIsKnown(
  context: CommandContext,
  values: CommandValues,
  { planned, base, now }: { readonly planned: PlannedRelease; readonly base: ReleaseBase; readonly now: Instant },
): Promise<Known> {
  const journals = values.list('journal');
  const reader = await readerOf(context, values);
  try {
    if (reader) {
      const views = await hostsOfControlPlane(reader, planned.fleet);
      return { from: 'control-plane', views, past: await pastDurations(reader, journals) };
    }
  } catch (error) {
    if (!(error instanceof CliError) || error.code === 'usage' || journals.length > 0) throw error;
    context.terminal.talk(printable(`warning: ${error.message}; the forecast starts from the last release instead`));
  } finally {
    reader?.close();
  }
  const views = hostsOfLastRelease(planned.fleet, base.previous, now);
  return { from: 'last-release', views, past: await pastDurations(null, journals) };
}

async function readerOf(context: CommandContext, values: CommandValues): Promise<ControlPlaneReader | null> {
  const settings = await loadSettings(context, values);
  return settings.values.controlPlanes === undefined ? null : openReader(context, values);
}
