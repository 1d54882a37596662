import {
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
} from '@nixfleet/contracts';
import { foldOfState, type HostView, initialHostState } from '@nixfleet/engine';
import type { VerifiedTree } from '@nixfleet/release';
import type { ControlPlaneReader } from '../control-plane-reader.ts';

/** Most hosts whose whole state is asked for, one by one: those that are not simply where they should be. */
const detailsMax = 300;

/** Every host of the fleet as a control plane sees it now. One that it does not know has nothing yet. */
export async function hostsOfControlPlane(
  reader: ControlPlaneReader,
  fleet: FleetDocument,
): Promise<Map<HostName, HostView>> {
  const { hosts } = await reader.view(FleetView, '/v1/fleet');
  const known = new Map(hosts.map((summary) => [summary.name, summary]));
  const views = new Map<HostName, HostView>();
  let asked = 0;
  for (const [name] of entriesOf(fleet.hosts)) {
    const summary = known.get(name);
    if (!summary) continue;
    const isPlain = summary.phase === null || summary.phase.name === 'converged';
    asked += isPlain ? 0 : 1;
    const state = isPlain || asked > detailsMax ? stateOf(summary) : await stateAt(reader, summary);
    const { online, lastSeenAt } = summary;
    views.set(name, { fold: foldOfState(state), isReplayed: true, isOnline: online, lastSeenAt, issued: null });
  }
  return views;
}

async function stateAt(reader: ControlPlaneReader, summary: HostSummary): Promise<HostState> {
  const { state } = await reader.view(HostPage, `/v1/hosts/${summary.name}`);
  return state ?? stateOf(summary);
}

/** What a summary tells: enough of a host that has converged, or was never told anything. */
function stateOf({ phase, running }: HostSummary): HostState {
  const rolloutId = phase?.name === 'converged' ? phase.target.rolloutId : null;
  const at = phase?.name === 'converged' ? phase.at : null;
  const confirmed = running !== null && at !== null ? { closure: running, rolloutId, at } : null;
  return { ...initialHostState, running, confirmed, phase: phase ?? initialHostState.phase };
}

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
    const { channel, introducedIn, waves } = document;
    const soakSeconds = waves[wave]?.soakSeconds ?? 0;
    const target = { rolloutId, channel, introducedIn, wave, closure, closureDigest, attempt, soakSeconds };
    const confirmed = { closure, rolloutId: rolloutId as RolloutId, at: now };
    return { ...initialHostState, running: closure, confirmed, phase: { name: 'converged', target, at: now } };
  }
  return null;
}
