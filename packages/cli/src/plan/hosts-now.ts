import {
  type BootId,
  type ChannelPolicy,
  entriesOf,
  type FleetDocument,
  FleetView,
  type HostName,
  HostView as HostPage,
  type HostState,
  type HostSummary,
  type Instant,
  lookup,
  type RolloutId,
  type Sha256Hex,
  type StorePath,
} from '@nixfleet/contracts';
import { foldOfState, type HostView, initialHostState } from '@nixfleet/engine';
import type { VerifiedTree } from '@nixfleet/release';
import type { ControlPlaneReader } from '../control-plane-reader.ts';

/** Most hosts whose whole state is asked for, one by one: within what a control plane answers an operator without a wait. */
export const detailsMax = 300;
/** Of those, how many at once. */
const detailsAtOnce = 8;

type Reader = Pick<ControlPlaneReader, 'view' | 'patientView'>;

/** Every host of the fleet as a control plane sees it now. One that it does not know has nothing yet. */
export async function hostsOfControlPlane(reader: Reader, fleet: FleetDocument): Promise<Map<HostName, HostView>> {
  const { hosts } = await reader.view(FleetView, '/v1/fleet');
  const declared = hosts.filter(({ name }) => lookup(fleet.hosts, name) !== undefined);
  // A fleet of more: those first of which the summary tells least.
  const [plain, others] = [declared.filter(isPlain), declared.filter((summary) => !isPlain(summary))];
  const asked = [...others, ...plain].slice(0, detailsMax);
  const states = new Map<HostName, HostState>();
  for (let from = 0; from < asked.length; from += detailsAtOnce) {
    const some = asked.slice(from, from + detailsAtOnce);
    await Promise.all(some.map(async (summary) => states.set(summary.name, await stateAt(reader, summary))));
  }
  return new Map(
    declared.map((summary) => {
      const { name, online, lastSeenAt } = summary;
      const fold = foldOfState(states.get(name) ?? stateOf(summary));
      return [name, { fold, isReplayed: true, isOnline: online, lastSeenAt, issued: null }];
    }),
  );
}

/** Where it should be, with nothing to say; what else there is of it (a local hold, a quarantine) is in its state alone. */
function isPlain({ phase, withheld, rebootPending }: HostSummary): boolean {
  return (phase === null || phase.name === 'converged') && withheld.length === 0 && !rebootPending;
}

async function stateAt(reader: Reader, summary: HostSummary): Promise<HostState> {
  const { state } = await reader.patientView(HostPage, `/v1/hosts/${summary.name}`);
  return state ?? stateOf(summary);
}

/** What a summary tells: enough of a host that has converged, or was never told anything. */
function stateOf({ phase, running }: HostSummary): HostState {
  const state = { ...initialHostState, running, phase: phase ?? initialHostState.phase };
  if (phase?.name !== 'converged') return state;
  const { target, at } = phase;
  const confirmed = running === null ? null : { closure: running, rolloutId: target.rolloutId, at };
  return { ...state, confirmed, ...bootedFor(target.reboots) };
}

/** What has converged was booted for the number of its manifest; without memory of that it would boot once more. */
function bootedFor(reboots: number | undefined): Pick<HostState, 'reboots'> {
  return reboots === undefined ? {} : { reboots: { number: reboots, bootId: earlierBoot, done: reboots } };
}

const earlierBoot = 'before the forecast' as BootId;

/** Without a control plane: every host has converged on what was released last, and answers. */
export function hostsOfLastRelease(
  fleet: FleetDocument,
  previous: VerifiedTree | null,
  now: Instant,
): Map<HostName, HostView> {
  const views = new Map<HostName, HostView>();
  for (const [name] of entriesOf(fleet.hosts)) {
    const state = convergedState(previous, name, now) ?? initialHostState;
    views.set(name, { fold: foldOfState(state), isReplayed: true, isOnline: true, lastSeenAt: now, issued: null });
  }
  return views;
}

function convergedState(previous: VerifiedTree | null, name: HostName, now: Instant): HostState | null {
  for (const { document, rolloutId } of previous?.manifests.values() ?? []) {
    const entry = lookup(document.hosts, name);
    if (!entry) continue;
    const { wave, closure, closureDigest, attempt } = entry;
    const { channel, introducedIn, waves, policy } = document;
    const soakSeconds = waves[wave]?.soakSeconds ?? 0;
    const target = { rolloutId, channel, introducedIn, wave, closure, closureDigest, attempt, soakSeconds };
    const confirmed = { closure, rolloutId: rolloutId as RolloutId, at: now };
    const known = { ...initialHostState, ...bootedFor(policy.reboots), ...measured(closure, policy, now) };
    return { ...known, running: closure, confirmed, phase: { name: 'converged', target, at: now } };
  }
  return null;
}

/** Under `enforce` a host that has converged has passed, also where it does not answer any more. */
function measured(closure: StorePath, { compliance }: ChannelPolicy, at: Instant): Pick<HostState, 'compliance'> {
  if (compliance.mode !== 'enforce') return {};
  const passed = { at, evidenceSha256: '0'.repeat(64) as Sha256Hex };
  return { compliance: { closure, passed, failing: [], error: null, hasPassed: true } };
}
