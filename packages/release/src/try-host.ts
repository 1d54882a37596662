import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  accept,
  addSeconds,
  Commit,
  entriesOf,
  type HostName,
  type Instant,
  lookup,
  msToInstant,
  type ReleaseDocument,
  type RolloutId,
  type RolloutManifest,
  refuse,
  releasePath,
  rolloutPath,
  type SealedDocument,
  type Source,
  sealDocument,
  type Trial,
  trialSecondsMax,
  trialsMax,
  type VerifyContext,
  type Withheld,
} from '@nixfleet/contracts';
import type { BinaryCache } from './binary-cache.ts';
import { buildHosts } from './build.ts';
import type { HostClosure } from './channel-manifest.ts';
import type { EvaluationLimits } from './evaluate-hosts.ts';
import type { FleetSource } from './fleet-source.ts';
import type { Git } from './git.ts';
import { sourceAt } from './pinned-hosts.ts';
import { type PushTarget, pushClosures } from './push.ts';
import type { VerifiedTree } from './read-release.ts';
import { type ReleaseBase, type ReleasePorts, readBase, requireRoles } from './release.ts';
import type { ReleaseOutcome } from './release-refusal.ts';
import { type Publisher, type PublishOutcome, signAndPublish } from './sign-and-publish.ts';
import { requireFloors } from './sign-head.ts';
import { brakesOverTrial } from './trial-brakes.ts';
import { activeTrials } from './trials.ts';
import { verifyCache } from './verify-cache.ts';

export interface TrialInput {
  readonly host: HostName;
  /** A branch, tag or commit of `sourceGit`; it need not descend from anything. */
  readonly ref: string;
  readonly seconds: number;
  readonly fleet: FleetSource;
  /** The repository that the fleet is in. */
  readonly sourceGit: Git | null;
  readonly limits: EvaluationLimits;
  readonly rootsDirectory: string;
  /** Null: somebody else pushes, and the cache has it already. */
  readonly push: PushTarget | null;
  readonly cache: BinaryCache;
  readonly publisher: Publisher;
}

export interface TrialRun {
  readonly release: ReleaseDocument;
  /** Null where a trial was ended. */
  readonly trial: (HostClosure & { readonly commit: Commit; readonly expiresAt: Instant }) | null;
  /** What stands on the channel for longer than the trial: it is published, and would never begin. */
  readonly withheld: readonly Withheld[];
  readonly outcome: PublishOutcome & { readonly ok: true };
}

/**
 * Evaluates and builds one host at another ref, and publishes a release that differs from the last by this trial alone:
 * its source commit, fleet and rollouts are those of before, so the next release descends from the same commit as ever.
 */
export async function tryHost(ports: ReleasePorts, input: TrialInput): Promise<ReleaseOutcome<TrialRun>> {
  const { host } = input;
  const opened = await openTrials(ports, input);
  if (!opened.ok) return opened;
  const { ctx, base, running } = opened.value;
  const { previous } = base;
  if (input.seconds > trialSecondsMax) {
    return refuse(
      'invalid',
      `a trial ends within ${trialSecondsMax / 3600} hours: whoever wants longer has a branch to merge`,
    );
  }
  if (!running[host] && Object.keys(running).length >= trialsMax) {
    return refuse('oversized', `${trialsMax} trials are running; end one with nixfleet try <host> --end`);
  }
  const built = await buildAt(ports, input, previous);
  if (!built.ok) return built;
  const { source, closure } = built.value;
  const inCache = await pushAndCheck(ports, input, built.value, base);
  if (!inCache.ok) return inCache;
  // From the publication on, as far as this clock can tell.
  const expiresAt = addSeconds(msToInstant(ports.clock.now()), input.seconds);
  const version = previous.release.document.version + 1;
  const manifest = await sealTrial(ctx, { previous, host, source, closure, version });
  const trial: Trial = {
    rolloutId: manifest.sha256 as string as RolloutId,
    bytes: manifest.bytes.length,
    expiresAt,
  };
  const files = new Map([[rolloutPath(trial.rolloutId), manifest.bytes]]);
  const published = await publishTrials(ctx, input, base, { trials: { ...running, [host]: trial }, files });
  if (!published.ok) return published;
  const withheld = await brakesOverTrial(ctx, base, { host, expiresAt, nowMs: ports.clock.now() });
  return accept({ ...published.value, withheld, trial: { ...closure, commit: source.commit, expiresAt } });
}

/** Publishes a release without this host's trial: its agent goes back as soon as it has read it. */
export async function endTrial(
  ports: Pick<ReleasePorts, 'clock' | 'crypto'>,
  input: Pick<TrialInput, 'host' | 'publisher'>,
): Promise<ReleaseOutcome<TrialRun>> {
  const { host } = input;
  const opened = await openTrials(ports, input);
  if (!opened.ok) return opened;
  const { ctx, base, running } = opened.value;
  const { [host]: ended, ...trials } = running;
  if (!ended) return refuse('missing', `${host} tries nothing now`);
  const published = await publishTrials(ctx, input, base, { trials, files: new Map() });
  return published.ok ? accept({ ...published.value, withheld: [], trial: null }) : published;
}

type TrialBase = ReleaseBase & { readonly previous: VerifiedTree };

interface OpenedTrials {
  readonly ctx: VerifyContext;
  readonly base: TrialBase;
  /** Trials that have not run out. */
  readonly running: Readonly<Record<string, Trial>>;
}

/** Refused before hours of building what could not be published after them. */
async function openTrials(
  { clock, crypto }: Pick<ReleasePorts, 'clock' | 'crypto'>,
  { host, publisher }: Pick<TrialInput, 'host' | 'publisher'>,
): Promise<ReleaseOutcome<OpenedTrials>> {
  const ctx: VerifyContext = { crypto, fleet: publisher.start.document.fleet };
  const now = msToInstant(clock.now());
  const remembers = await requireFloors(publisher);
  if (!remembers.ok) return remembers;
  const base = await readBase(ctx, publisher, publisher.clock);
  if (!base.ok) return base;
  const mayAll = await requireRoles(ctx, publisher, base.value.chain);
  if (!mayAll.ok) return mayAll;
  const { previous } = base.value;
  if (!previous) return refuse('missing', 'nothing was released yet: a trial goes back to what was');
  if (!lookup(previous.fleet.document.hosts, host)) {
    return refuse('unknown-host', `${host} is not a host of the released fleet`);
  }
  const { emergency } = previous.release.document;
  if (emergency && now < emergency.expiresAt) {
    const detail = `an emergency runs until ${emergency.expiresAt}: a release for a trial would need its approvals anew`;
    return refuse('too-few-signers', detail);
  }
  const running = activeTrials(previous, previous.fleet.document, now);
  return accept({ ctx, base: { ...base.value, previous }, running });
}

async function buildAt(ports: ReleasePorts, input: TrialInput, previous: VerifiedTree) {
  const { host, ref, sourceGit, fleet } = input;
  if (!sourceGit) return refuse('missing', 'try from a checkout of the repository, not from afar');
  const found = await sourceGit.try(['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`]);
  const commit = Commit.safeParse(found.ok ? found.stdout.trim() : '');
  if (!commit.success) return refuse('missing', `${ref}: no such branch, tag or commit in this clone; fetch it first`);
  const source: Source = { repository: previous.release.document.source.repository, commit: commit.data };
  const directory = await mkdtemp(join(tmpdir(), 'nixfleet-try-'));
  try {
    const at = await sourceAt(commit.data, { source: fleet, git: sourceGit, directory });
    if (!at.ok) return at;
    // The document of the released fleet: only this host's system comes from the ref.
    const { results, closures } = await buildHosts(
      ports,
      { ...input, fleet: at.value, source, systems: 'all' },
      {
        fleet: previous.fleet.document,
        pinned: { commits: new Map(), closures: new Map() },
        warnings: [],
        hosts: [host],
      },
    );
    const built = results.map(({ hosts }) => lookup(hosts, host)).find((entry) => entry !== undefined);
    if (!built?.ok)
      return refuse('build-failed', `${host} at ${ref} (${built?.step}): ${built?.message ?? ''}`.slice(0, 1000));
    const { closure, closureDigest, closureBytes } = built;
    if (entryOf(previous, host)?.closure === closure) {
      return refuse('nothing-to-try', `${host} at ${ref} is what it runs by the last release: ${closure}`);
    }
    return accept({ source, closure: { closure, closureDigest, closureBytes }, closures });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

type Built = Extract<Awaited<ReturnType<typeof buildAt>>, { ok: true }>['value'];

async function pushAndCheck(
  ports: ReleasePorts,
  { host, push, cache }: TrialInput,
  { closure, closures }: Built,
  { chain }: TrialBase,
): Promise<ReleaseOutcome<null>> {
  if (push) {
    const pushed = await pushClosures({ ...ports, target: push, closures: new Map([[host, closure.closure]]) });
    if (!pushed.ok) return pushed;
  }
  const found = await verifyCache({ crypto: ports.crypto, cache, keys: chain.newest.document.cacheKeys, closures });
  return found.ok ? accept(null) : found;
}

function entryOf({ manifests }: VerifiedTree, host: HostName) {
  for (const { document } of manifests.values()) {
    const entry = lookup(document.hosts, host);
    if (entry) return entry;
  }
  return undefined;
}

/** A manifest of the host alone, under its channel's own rules. */
function sealTrial(
  { crypto }: VerifyContext,
  {
    previous,
    host,
    source,
    closure,
    version,
  }: {
    readonly previous: VerifiedTree;
    readonly host: HostName;
    readonly source: Source;
    readonly closure: HostClosure;
    readonly version: number;
  },
): Promise<SealedDocument> {
  const channel = lookup(previous.fleet.document.hosts, host)?.channel ?? '';
  const like = previous.manifests.get(channel)?.document;
  if (!like) throw new TypeError(`the released channel ${channel} has no manifest`);
  const { notBefore: _, ...wave } = like.waves[0] ?? {
    soakSeconds: 0,
    promoteWhen: { convergedPercent: 100, receiptsPercent: 100 },
  };
  const { reboots: __, ...policy } = like.policy;
  const trial: RolloutManifest = {
    ...like,
    displayName: `${host}@${source.commit.slice(0, 8)}`,
    introducedIn: version,
    source,
    hosts: { [host]: { wave: 0, ...closure, attempt: 1 } },
    waves: [{ ...wave, soakSeconds: 0 }],
    policy,
    edges: [],
    after: [],
  };
  return sealDocument(crypto, trial);
}

/** The last release again, one version later, with these trials. */
async function publishTrials(
  ctx: VerifyContext,
  { publisher }: Pick<TrialInput, 'publisher'>,
  { previous, snapshot, chain }: TrialBase,
  {
    trials,
    files,
  }: { readonly trials: Readonly<Record<string, Trial>>; readonly files: ReadonlyMap<string, Uint8Array> },
): Promise<ReleaseOutcome<Pick<TrialRun, 'release' | 'outcome'>>> {
  const { trials: _, emergency: __, ...said } = previous.release.document;
  const release: ReleaseDocument = {
    ...said,
    version: said.version + 1,
    trustVersion: chain.newest.document.version,
    createdAt: msToInstant(publisher.clock.now()),
    ...(entriesOf(trials).length === 0 ? {} : { trials }),
  };
  const { sha256, bytes } = await sealDocument(ctx.crypto, release);
  const change = { files: new Map([...files, [releasePath(sha256), bytes]]), removed: new Set<string>() };
  const outcome = await signAndPublish(ctx, publisher, { snapshot, change, sha256, trust: chain.newest });
  return outcome.ok ? accept({ release, outcome }) : outcome;
}
