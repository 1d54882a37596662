import {
  accept,
  type ChannelName,
  type Crypto,
  canonicalize,
  entriesOf,
  type FleetDocument,
  fleetPath,
  type HostName,
  type Instant,
  type Json,
  lookup,
  mayFinishMax,
  type ReleaseChannel,
  type ReleaseDocument,
  type RolloutId,
  refuse,
  releasePath,
  rolloutPath,
  type SealedDocument,
  type Sha256Hex,
  type Source,
  sealDocument,
  type TrustState,
  trialsAt,
} from '@nixfleet/contracts';
import type { BuildHost, BuildResult } from './build-result.ts';
import { channelManifest, type HostClosure } from './channel-manifest.ts';
import {
  type AssembledCompliance,
  assembleCompliance,
  type OnStaticReport,
  type StaticGateRefusal,
} from './compliance.ts';
import { type Emergency, requireEmergency } from './emergency.ts';
import type { ApprovedFile } from './read-approved.ts';
import type { VerifiedTree } from './read-release.ts';
import type { WaiverFile } from './read-waivers.ts';
import type { ReleaseOutcome } from './release-refusal.ts';
import { emptyTree, type ReleaseTree, type TreeChange } from './release-tree.ts';
import { resolveChannelTimes } from './resolve-windows.ts';
import { activeTrials } from './trials.ts';
import { isUnchanged } from './unchanged-channel.ts';

export interface AssembleInput {
  readonly crypto: Crypto;
  /** One for each system; together they cover every host of the fleet once. */
  readonly builds: readonly BuildResult[];
  /** What is published now, verified; null before the first release. */
  readonly previous: VerifiedTree | null;
  /** The newest trust. */
  readonly trust: TrustState;
  /** Every version known, oldest first: whoever signed a record of a drill may have left since. Default: `trust` alone. */
  readonly trustStates?: readonly TrustState[];
  readonly now: Instant;
  /** Hosts that failed keep the closure of the release before, and the release names them. */
  readonly carryOver?: boolean;
  /** Hosts whose closure is to be tried once more where it is quarantined. */
  readonly retry?: readonly HostName[];
  /** A new release even if it would say the same. */
  readonly force?: boolean;
  /** Passes windows and freezes once enough approvers signed it. */
  readonly emergency?: Emergency;
  /** Where `previous` was read: of hosts that are carried over, it says what was measured. Default: nothing. */
  readonly previousTree?: ReleaseTree;
  readonly onStaticReport?: OnStaticReport;
}

/** An unsigned release: files named by their hash, none of which a reader follows before a head names the release. */
export interface Assembly {
  readonly release: ReleaseDocument;
  readonly sha256: Sha256Hex;
  readonly bytes: Uint8Array;
  readonly change: TreeChange;
  readonly fleet: FleetDocument;
  /** Whose manifest is new. */
  readonly changedChannels: readonly ChannelName[];
  readonly carriedOver: readonly HostName[];
  /** What every host of the fleet is to run. */
  readonly closures: ReadonlyMap<HostName, HostClosure>;
  /** Null where nothing asks for it. */
  readonly compliance: AssembledCompliance | null;
}

export type AssembleOutcome =
  | ReleaseOutcome<
      | { readonly kind: 'assembled'; readonly assembly: Assembly }
      | { readonly kind: 'nothing-to-release'; readonly compliance: AssembledCompliance | null }
    >
  | StaticGateRefusal;

/**
 * Turns builds into the next release: pure but for hashing. Deterministic in its input, so that two people who assemble
 * the same builds at the same `now` get the same bytes to sign.
 */
export async function assemble(input: AssembleInput): Promise<AssembleOutcome> {
  const combined = combineBuilds(input.builds);
  if (!combined.ok) return combined;
  const { fleet, source, hosts, waivers, drills } = combined.value;
  const isSensible = requireEmergency(input.emergency, input);
  if (!isSensible.ok) return isSensible;
  const unknown = input.retry?.find((host) => !lookup(fleet.hosts, host));
  if (unknown !== undefined) return refuse('unknown-retry-host', `${unknown} is not a host of the fleet`);
  const signed = enoughSigners(fleet, input.trust);
  if (!signed.ok) return signed;
  const closures = chooseClosures(input, fleet, hosts);
  if (!closures.ok) return closures;
  const gate = await assembleCompliance({
    ...input,
    fleet,
    hosts,
    ...closures.value,
    previousTree: input.previousTree ?? emptyTree,
    waivers,
    drills,
  });
  if (!gate.ok) return gate;
  const compliance = gate.value;

  const sealedFleet = await sealDocument(input.crypto, fleet);
  const version = (input.previous?.release.document.version ?? 0) + 1;
  const sealed = await sealChannels(input, { fleet, source, version, closures: closures.value.closures });
  if (!sealed.ok) return sealed;
  const channels = sealed.value;
  const trials = activeTrials(input.previous, fleet, input.now);
  const release: ReleaseDocument = {
    type: 'release',
    fleet: fleet.fleet,
    schemaVersion: 1,
    version,
    trustVersion: input.trust.document.version,
    createdAt: input.now,
    source,
    resolvedFleet: { sha256: sealedFleet.sha256, bytes: sealedFleet.bytes.length },
    ...(compliance ? { staticReport: compliance.staticReport } : {}),
    ...(compliance?.waiverRegister ? { waiverRegister: compliance.waiverRegister } : {}),
    ...(input.emergency ? { emergency: input.emergency } : {}),
    ...(closures.value.carriedOver.length > 0 ? { carriedOver: [...closures.value.carriedOver] } : {}),
    channels: channels.entries,
    ...(Object.keys(trials).length > 0 ? { trials } : {}),
  };
  if (!input.force && input.previous && saysTheSame(input.previous.release.document, release, input.now)) {
    return accept({ kind: 'nothing-to-release', compliance });
  }
  const { sha256, bytes } = await sealDocument(input.crypto, release);
  const files = new Map<string, Uint8Array>([...channels.files, ...(compliance?.files ?? [])]);
  files.set(fleetPath(sealedFleet.sha256), sealedFleet.bytes);
  files.set(releasePath(sha256), bytes);
  const assembly: Assembly = {
    release,
    sha256,
    bytes,
    change: { files, removed: new Set() },
    fleet,
    changedChannels: channels.changed,
    carriedOver: closures.value.carriedOver,
    closures: closures.value.closures,
    compliance,
  };
  return accept({ kind: 'assembled', assembly });
}

interface CombinedBuilds {
  readonly fleet: FleetDocument;
  readonly source: Source;
  readonly hosts: ReadonlyMap<HostName, BuildHost>;
  readonly waivers: readonly WaiverFile[];
  readonly drills: readonly ApprovedFile[];
}

/** Builders of several systems must have seen the same commit and the same fleet. */
function combineBuilds(builds: readonly BuildResult[]): ReleaseOutcome<CombinedBuilds> {
  const first = builds[0];
  if (!first) return refuse('not-built', 'no build results');
  const hosts = new Map<HostName, BuildHost>();
  for (const build of builds) {
    if (build.source.commit !== first.source.commit) {
      return refuse('builds-disagree', `built from ${first.source.commit} and from ${build.source.commit}`);
    }
    if (canonicalize(build.fleet as unknown as Json) !== canonicalize(first.fleet as unknown as Json)) {
      return refuse('builds-disagree', `the fleet evaluated for ${build.system} differs from that for ${first.system}`);
    }
    if (canonicalize((build.waivers ?? []) as Json) !== canonicalize((first.waivers ?? []) as Json)) {
      return refuse('builds-disagree', `the waivers read for ${build.system} differ from those for ${first.system}`);
    }
    if (canonicalize((build.drills ?? []) as Json) !== canonicalize((first.drills ?? []) as Json)) {
      return refuse('builds-disagree', `the drills read for ${build.system} differ from those for ${first.system}`);
    }
    for (const [host, entry] of entriesOf(build.hosts)) {
      if (!lookup(first.fleet.hosts, host)) return refuse('builds-disagree', `${host} is not a host of the fleet`);
      if (hosts.has(host)) return refuse('builds-disagree', `host ${host} was built twice`);
      hosts.set(host, entry);
    }
  }
  const missing = entriesOf(first.fleet.hosts).filter(([host]) => !hosts.has(host));
  if (missing.length > 0) {
    const names = missing.slice(0, 10).map(([host, { system }]) => `${host} (${system})`);
    return refuse('not-built', `no build result has ${names.join(', ')}`);
  }
  const { waivers = [], drills = [] } = first;
  return accept({ fleet: first.fleet, source: first.source, hosts, waivers, drills });
}

/**
 * A channel's declared number of signers against what trust demands. Readers go by trust, so this protects nobody from
 * a stolen key; it keeps a change of trust from weakening, unseen, what the fleet's repository says.
 */
function enoughSigners(fleet: FleetDocument, { document }: TrustState): ReleaseOutcome<null> {
  const { threshold, channels } = document.roles.release;
  for (const [channel, { signersMin = 1 }] of entriesOf(fleet.channels)) {
    const demanded = Math.max(threshold, (channels && lookup(channels, channel)?.threshold) ?? 0);
    if (demanded >= signersMin) continue;
    const detail = `channel ${channel} declares signersMin ${signersMin}, but trust ${document.version} demands ${demanded}`;
    return refuse('signers-not-demanded', `${detail}: raise it in trust first, or lower signersMin`);
  }
  return accept(null);
}

interface ChosenClosures {
  readonly closures: ReadonlyMap<HostName, HostClosure>;
  readonly carriedOver: readonly HostName[];
}

function chooseClosures(
  { carryOver = false, previous }: AssembleInput,
  fleet: FleetDocument,
  hosts: ReadonlyMap<HostName, BuildHost>,
): ReleaseOutcome<ChosenClosures> {
  const closures = new Map<HostName, HostClosure>();
  const carriedOver: HostName[] = [];
  const failed: string[] = [];
  for (const [host] of entriesOf(fleet.hosts)) {
    const built = hosts.get(host);
    if (built?.ok) {
      const { ok, packages, compliance, ...closure } = built;
      closures.set(host, closure);
      continue;
    }
    const before = carryOver ? previousClosure(previous, host) : null;
    if (before) {
      closures.set(host, before);
      carriedOver.push(host);
    } else if (carryOver) return refuse('nothing-to-carry-over', `host ${host} failed to build and has no closure yet`);
    else failed.push(`${host} (${built?.step}: ${lastOf(built?.message ?? '')})`);
  }
  if (failed.length === 0) return accept({ closures, carriedOver });
  const more = failed.length > failedNamedMax ? `; and ${failed.length - failedNamedMax} more` : '';
  const named = failed.slice(0, failedNamedMax).join('; ');
  return refuse('build-failed', `${failed.length} of ${hosts.size} hosts failed: ${named}${more}`);
}

/** Hosts that failed and are named in the refusal; every one of them is in the build results. */
const failedNamedMax = 10;

/** What a tool said last, in one line: an evaluator's own error, after which it shows where; else the last line. */
function lastOf(message: string): string {
  const lines = message.split('\n').map((line) => line.trim());
  const error = lines.findLast((line) => /^error: \S/.test(line));
  return (error ?? lines.findLast((line) => line !== '') ?? 'nothing is known').slice(-200);
}

/** What a host runs under the previous release, in whichever channel it was. */
export function previousClosure(previous: VerifiedTree | null, host: HostName): HostClosure | null {
  for (const { document } of previous?.manifests.values() ?? []) {
    const entry = lookup(document.hosts, host);
    if (!entry) continue;
    const { closure, closureDigest, closureBytes, builtFrom = document.source.commit } = entry;
    return { closure, closureDigest, closureBytes, builtFrom };
  }
  return null;
}

interface SealedChannels {
  readonly entries: Record<string, ReleaseChannel>;
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Whose manifest is new. */
  readonly changed: readonly ChannelName[];
}

async function sealChannels(
  { crypto, previous, retry = [], now }: AssembleInput,
  next: {
    readonly fleet: FleetDocument;
    readonly source: Source;
    readonly version: number;
    readonly closures: ReadonlyMap<HostName, HostClosure>;
  },
): Promise<ReleaseOutcome<SealedChannels>> {
  const entries: Record<string, ReleaseChannel> = {};
  const files = new Map<string, Uint8Array>();
  const changed: ChannelName[] = [];
  for (const [channel, declared] of entriesOf(next.fleet.channels)) {
    const times = resolveChannelTimes(declared, { channel, now });
    if (!times.ok) return times;
    const { freezes } = times.value;
    const before = previous?.manifests.get(channel) ?? null;
    const earlier = previous ? lookup(previous.release.document.channels, channel) : undefined;
    const retryHere = new Set(retry);
    const document = channelManifest({
      ...next,
      channel,
      previous: before?.document ?? null,
      retry: retryHere,
      now,
      times: times.value,
    });
    if (before && earlier && isUnchanged(before.document, document, now)) {
      entries[channel] = {
        rolloutId: earlier.rolloutId,
        bytes: before.bytes.length,
        mayFinish: earlier.mayFinish,
        freezes,
      };
      continue;
    }
    const sealed: SealedDocument = await sealDocument(crypto, document);
    const rolloutId = sealed.sha256 as string as RolloutId;
    const mayFinish = declared.policy.onNewRelease === 'finish' ? stillRunning(earlier) : [];
    entries[channel] = { rolloutId, bytes: sealed.bytes.length, mayFinish, freezes };
    files.set(rolloutPath(rolloutId), sealed.bytes);
    changed.push(channel);
  }
  return accept({ entries, files, changed });
}

/**
 * What may run to its end while the new rollout waits: the one it follows and those that one let finish, newest first.
 * CI cannot know which of them are over; a planner does, and passes over those. Bounded by `mayFinishMax`.
 */
function stillRunning(earlier: ReleaseChannel | undefined): RolloutId[] {
  return earlier ? [earlier.rolloutId, ...earlier.mayFinish].slice(0, mayFinishMax) : [];
}

/** Everything but when and from which commit: another commit that resolves to the same needs no release. */
/** An ordinary release that changes nothing must not end the emergency before it. */
function saysTheSame(previous: ReleaseDocument, next: ReleaseDocument, now: Instant): boolean {
  if (next.emergency) return false;
  // A trial that has run out says nothing any more.
  const said = ({ version, createdAt, source, emergency, trials, ...rest }: ReleaseDocument) =>
    canonicalize({ ...rest, trials: Object.fromEntries(trialsAt({ trials }, now)) } as unknown as Json);
  return said(previous) === said(next);
}
