import {
  addSeconds,
  type ChannelName,
  type Commit,
  type DisruptionBudget,
  type FleetDocument,
  type HostName,
  type Instant,
  lookup,
  type ManifestHost,
  type RolloutManifest,
  type Sha256Hex,
  type Source,
  type StorePath,
} from '@nixfleet/contracts';
import { confirmSecondsOf } from '@nixfleet/engine';
import { ReleaseError } from './errors.ts';
import type { ResolvedWindows } from './resolve-windows.ts';

/** What a host is to run. */
export interface HostClosure {
  readonly closure: StorePath;
  readonly closureDigest: Sha256Hex;
  readonly closureBytes: number;
  /** As in the manifest: absent for what was built from the released commit. */
  readonly builtFrom?: Commit | null | undefined;
}

export interface ManifestInput {
  readonly fleet: FleetDocument;
  readonly channel: ChannelName;
  readonly closures: ReadonlyMap<HostName, HostClosure>;
  /** The channel's manifest before this one: attempts are carried over from it. */
  readonly previous: RolloutManifest | null;
  /** Hosts whose closure is to be tried once more. */
  readonly retry: ReadonlySet<HostName>;
  readonly version: number;
  readonly source: Source;
  readonly now: Instant;
  /** The channel's windows, resolved at `now`. */
  readonly times: ResolvedWindows;
}

/** The plan of one channel as the fleet has it now. The caller decides whether the one before it says the same already. */
export function channelManifest(input: ManifestInput): RolloutManifest {
  const { fleet, channel, source, now, times } = input;
  const declared = lookup(fleet.channels, channel);
  if (!declared) throw new ReleaseError('bad-input', `${channel} is not a channel of the fleet`);
  const { policy } = declared;
  const hosts: Record<string, ManifestHost> = {};
  for (const [wave, { hosts: names }] of declared.waves.entries()) {
    for (const name of names) hosts[name] = manifestHost(input, name, wave);
  }
  const inChannel = (name: HostName) => Object.hasOwn(hosts, name);
  return {
    type: 'rollout',
    fleet: fleet.fleet,
    schemaVersion: 1,
    channel,
    displayName: `${channel}@${source.commit.slice(0, 8)}`,
    introducedIn: input.version,
    source,
    hosts,
    waves: declared.waves.map(({ soakSeconds, promoteWhen }, wave) => ({
      soakSeconds,
      promoteWhen,
      ...(policy.withoutControlPlane === 'timed' ? { notBefore: notBefore(declared, wave, now) } : {}),
    })),
    policy,
    edges: fleet.edges.filter(({ gated, gates }) => inChannel(gated) && inChannel(gates)),
    after: fleet.channelEdges
      .filter(({ gated }) => gated === channel)
      .map(({ gates, reason }) => ({ channel: gates, ...(reason === undefined ? {} : { reason }) })),
    budgets: budgetsOf(fleet, inChannel),
    windows: times.windows,
    resolvedUntil: times.resolvedUntil,
  };
}

function manifestHost(input: ManifestInput, name: HostName, wave: number): ManifestHost {
  const built = input.closures.get(name);
  if (!built) throw new ReleaseError('bad-input', `host ${name} has no closure`);
  const before = input.previous ? lookup(input.previous.hosts, name) : undefined;
  const attempt = before?.closure === built.closure ? before.attempt : 1;
  return { wave, ...built, attempt: input.retry.has(name) ? attempt + 1 : attempt };
}

/** Without a control plane a wave waits as long as every earlier one may take at most: activate, confirm and soak. */
function notBefore(channel: FleetDocument['channels'][ChannelName], wave: number, now: Instant): Instant {
  const switchSeconds = channel.policy.activationTimeoutSeconds + confirmSecondsOf(channel.policy);
  const earlier = channel.waves.slice(0, wave);
  const seconds = earlier.reduce((sum, { soakSeconds }) => sum + switchSeconds + soakSeconds, 0);
  return addSeconds(now, seconds);
}

/** Every budget that has a host of the channel, with all its hosts; of count and percent the smaller, at least one. */
function budgetsOf(fleet: FleetDocument, inChannel: (name: HostName) => boolean): DisruptionBudget[] {
  return fleet.disruptionBudgets
    .filter(({ hosts }) => hosts.some(inChannel))
    .map(({ name, hosts, maxInFlight, maxInFlightPercent }) => {
      const byPercent =
        maxInFlightPercent === undefined ? hosts.length : Math.floor((hosts.length * maxInFlightPercent) / 100);
      return { name, hosts, maxInFlight: Math.max(1, Math.min(maxInFlight ?? hosts.length, byPercent)) };
    });
}
