import { homedir } from 'node:os';
import { HostName, type Instant, instantToMs } from '@nixfleet/contracts';
import { type HistoricRelease, hostQuestion } from '@nixfleet/evidence';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { type FetchedHost, fetchDaysMax, fetchEvidence } from '../compliance/fetch-evidence.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { openReader } from '../control-plane-reader.ts';
import { periodReleases } from '../packet/period-releases.ts';
import { walkTrustStates } from '../packet/trust-states.ts';
import { typedPeriod } from '../packet/typed-period.ts';
import { parseTyped } from '../parse-typed.ts';
import { printable } from '../printable.ts';
import { plural } from '../render/plural.ts';
import type { Terminal } from '../terminal.ts';
import { openPinned } from '../verification/open-pinned.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal, clock, signal } = context;
  const period = periodOf(values);
  const typed = values.text('evidence');
  if (typed === undefined) throw new CliError('usage', '--evidence is missing', 'say where to write');
  const base = { base: context.workingDirectory, home: context.environment.HOME ?? homedir() };
  const directory = absolutePath(typed, base);
  const { ctx, place, pinned } = await openPinned(context, values);
  const trust = await walkTrustStates(ctx, place, pinned);
  const releases: HistoricRelease[] = [];
  // Catalogues are looked at with the evidence that names them.
  const none = {
    named: new Set<string>(),
    rollouts: new Set<string>(),
    hosts: new Set<HostName>(),
    journals: 'whole' as const,
  };
  for await (const { release } of periodReleases(ctx, place, { trust, ...period, ...none })) {
    releases.push(release);
  }
  const reader = await openReader(context, values);
  const found: FetchedHost[] = [];
  try {
    const hosts = hostsOf(values, releases);
    for (const [i, host] of hosts.entries()) {
      signal.throwIfAborted();
      const deps = { ctx, reader, directory, now: () => clock.now(), signal };
      const fetched = await fetchEvidence(deps, hostQuestion(host, period, { releases, drills: [] }));
      found.push(fetched);
      terminal.talk(`${host} (${i + 1} of ${hosts.length}): ${plural(fetched.documents, 'document')}`);
    }
  } finally {
    reader.close();
  }
  const isOk = found.every(({ refused }) => refused.length === 0);
  if (values.flag('json')) terminal.result(JSON.stringify({ ok: isOk, hosts: found }, null, 2));
  else for (const fetched of found) show(terminal, fetched);
  if (isOk) return 0;
  terminal.talk(
    'nixfleet: what was refused is not kept: ask the hosts themselves for it, and look at the control plane',
  );
  return 1;
}

function periodOf(values: CommandValues): { readonly from: Instant; readonly to: Instant } {
  const { from, to } = typedPeriod(values);
  if (instantToMs(to) - instantToMs(from) > (fetchDaysMax - 1) * 86_400_000) {
    throw new CliError('usage', `--to is more than ${fetchDaysMax - 1} days after --from`, 'fetch shorter periods');
  }
  return { from, to };
}

function hostsOf(values: CommandValues, releases: readonly HistoricRelease[]): readonly HostName[] {
  const declared = new Set(releases.flatMap(({ fleet }) => Object.keys(fleet.hosts)));
  const named = values.list('host');
  const unknown = named.find((name) => !declared.has(name));
  if (unknown !== undefined) {
    throw new CliError(
      'failed',
      `${printable(unknown)}: in no release of this period`,
      'check the name, --from and --to',
    );
  }
  return [...(named.length > 0 ? new Set(named) : declared)].sort().map((name) => parseTyped(HostName, name, '--host'));
}

function show(terminal: Terminal, { host, documents, days, kept, refused, events }: FetchedHost): void {
  const journal = events === null ? 'no journal' : plural(events, 'event');
  terminal.result(
    `${host}: ${plural(documents, 'document')} of ${plural(days, 'day')}, ${plural(kept, 'day')} there already; ${journal}`,
  );
  for (const { reason, detail } of refused) {
    terminal.result(terminal.paint('red', `  refused (${reason}): ${printable(detail)}`));
  }
}
