import {
  accept,
  type Clock,
  type Crypto,
  type HostName,
  msToInstant,
  refuse,
  type Source,
  type StorePath,
  type SystemName,
  type VerifyContext,
} from '@nixfleet/contracts';
import { type Assembly, assemble } from './assemble.ts';
import type { BinaryCache } from './binary-cache.ts';
import { type Build, buildFleet } from './build.ts';
import { verifyCachedClosures } from './cached-closure.ts';
import type { HostClosure } from './channel-manifest.ts';
import { closurePaths } from './closure-paths.ts';
import type { Commands } from './commands.ts';
import type { OnStaticReport, StaticGateRefusal } from './compliance.ts';
import { reportComplianceWarnings, reportStaticFailures } from './compliance-lines.ts';
import { type Emergency, requireEmergency } from './emergency.ts';
import type { EvaluationLimits } from './evaluate-hosts.ts';
import type { FleetSource } from './fleet-source.ts';
import type { Git } from './git.ts';
import { type HostChange, hostChanges } from './host-changes.ts';
import type { Nix } from './nix.ts';
import type { ProcessMemory } from './process-memory.ts';
import type { Progress } from './progress.ts';
import { checkRollback, type Snapshot } from './publish.ts';
import { type PushTarget, pushClosures } from './push.ts';
import { readPublished, readTrust, type TrustChain, type VerifiedTree } from './read-release.ts';
import type { StatedFacts } from './release-facts.ts';
import type { ReleaseOutcome } from './release-refusal.ts';
import { type Publisher, type PublishOutcome, signAndPublish } from './sign-and-publish.ts';
import { requireRole } from './sign-document.ts';
import { requireFloors } from './sign-head.ts';
import { fromPending } from './sign-release.ts';
import { readSource } from './source-commit.ts';
import { verifyCache } from './verify-cache.ts';

export interface ReleasePorts {
  readonly nix: Nix;
  readonly commands: Commands;
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly memory: ProcessMemory;
  readonly progress: Progress;
}

export interface ReleaseInput {
  readonly fleet: FleetSource;
  /** The repository that the fleet is in. Null for a remote flake, which then needs `source` and `allowRollback`. */
  readonly sourceGit: Git | null;
  /** Default: read from `sourceGit`, which must be clean. */
  readonly source?: Source;
  /** What somebody else says of the release. */
  readonly stated?: StatedFacts;
  readonly systems: readonly SystemName[] | 'all';
  readonly limits: EvaluationLimits;
  readonly buildsMax?: number;
  readonly rootsDirectory: string;
  /** Null: somebody else pushes, and the cache has it already. */
  readonly push: PushTarget | null;
  /** Where agents will fetch from. Null only with `isDryRun`. */
  readonly cache: BinaryCache | null;
  readonly publisher: Publisher;
  readonly carryOver?: boolean;
  readonly retry?: readonly HostName[];
  readonly force?: boolean;
  /** Makes it one that passes windows and freezes, once trust's number of approvers signed it. */
  readonly emergency?: Emergency;
  readonly allowRollback?: boolean;
  /** Evaluates, builds and compares; pushes, signs and publishes nothing. A dirty work tree is accepted. */
  readonly isDryRun?: boolean;
  readonly onStaticReport?: OnStaticReport;
}

/** What a release would be or is, for the summary. */
export interface ReleaseSummary {
  readonly assembly: Assembly;
  readonly changes: readonly HostChange[];
  readonly warnings: readonly string[];
  readonly previousVersion: number | null;
}

export type ReleaseRun =
  | { readonly kind: 'nothing-to-release'; readonly version: number; readonly warnings: readonly string[] }
  | { readonly kind: 'dry-run'; readonly summary: ReleaseSummary }
  | {
      readonly kind: 'published' | 'pending';
      readonly summary: ReleaseSummary;
      readonly outcome: PublishOutcome & { readonly ok: true };
    };

/**
 * The one command: build → push → check the cache → assemble → sign → verify as an agent would → publish. Nothing at the
 * target changes before the last step, which is one compare-and-swap.
 */
export async function release(
  ports: ReleasePorts,
  input: ReleaseInput,
): Promise<ReleaseOutcome<ReleaseRun> | StaticGateRefusal> {
  const { publisher, isDryRun = false } = input;
  const ctx: VerifyContext = { crypto: ports.crypto, fleet: publisher.start.document.fleet };
  const source = await sourceOf(input);
  if (!source.ok) return source;
  // Told before hours of building, not after.
  const remembers = isDryRun ? accept(null) : await requireFloors(publisher);
  if (!remembers.ok) return remembers;
  const base = await readBase(ctx, publisher, ports.clock);
  if (!base.ok) return base;
  const { snapshot, chain, previous } = base.value;
  const mayAll = isDryRun ? accept(null) : await requireRoles(ctx, publisher, chain);
  if (!mayAll.ok) return mayAll;
  const isSensible = requireEmergency(input.emergency, { trust: chain.newest, now: msToInstant(ports.clock.now()) });
  if (!isSensible.ok) return isSensible;
  const descends = await checkDescends(input, previous, source.value);
  if (!descends.ok) return descends;

  const built = await buildFleet(ports, { ...input, source: source.value, trust: chain.newest });
  if (!built.ok) return built;
  const { results, warnings } = built.value;
  const named = results[0]?.fleet.fleet;
  if (named !== undefined && named !== ctx.fleet) {
    return refuse('wrong-fleet', `the expression is fleet ${named}, trust is ${ctx.fleet}'s`);
  }
  ports.progress.report({ step: 'assemble', state: 'started' });
  const now = msToInstant(ports.clock.now());
  const assembled = await assemble({
    ...input,
    previousTree: snapshot.tree,
    crypto: ports.crypto,
    builds: results,
    previous,
    trust: chain.newest,
    trustStates: chain.states,
    now,
  });
  if (!assembled.ok) {
    reportStaticFailures(ports.progress, assembled);
    return assembled;
  }
  if (assembled.value.kind === 'nothing-to-release') {
    reportComplianceWarnings(ports.progress, assembled.value.compliance);
    return accept({ kind: 'nothing-to-release', version: previous?.release.document.version ?? 0, warnings });
  }
  const { assembly } = assembled.value;
  reportComplianceWarnings(ports.progress, assembly.compliance);
  const changes = await hostChanges({ assembly, previous, pathsOf: closurePaths(ports.nix, input.cache) });
  const previousVersion = previous?.release.document.version ?? null;
  const summary: ReleaseSummary = { assembly, changes, warnings, previousVersion };
  ports.progress.report({ step: 'assemble', state: 'done', detail: `release ${assembly.release.version}` });
  if (isDryRun) return accept({ kind: 'dry-run', summary });

  const inCache = await pushAndCheck(ports, input, built.value, assembly, chain);
  if (!inCache.ok) return inCache;
  const { change, sha256 } = assembly;
  const outcome = await signAndPublish(ctx, publisher, { snapshot, change, sha256, trust: chain.newest });
  return outcome.ok ? accept({ kind: outcome.value.kind, summary, outcome }) : outcome;
}

/** Keys of the wrong role are told before hours of building, too. */
export async function requireRoles(
  { crypto }: VerifyContext,
  { releaseSigners, headSigners, approvers = [] }: Publisher,
  { newest }: TrustChain,
): Promise<ReleaseOutcome<null>> {
  const { release: releaseRole, head: headRole } = newest.document.roles;
  const states = [newest];
  const may = { crypto, signers: releaseSigners, states, names: releaseRole.signers, role: 'release' };
  const mayRelease = await requireRole(may);
  if (!mayRelease.ok) return mayRelease;
  const mayHead = await requireRole({ ...may, signers: headSigners, names: headRole.signers, role: 'head' });
  if (!mayHead.ok) return mayHead;
  const { signers } = newest.document.roles.approver;
  return requireRole({ ...may, signers: approvers, names: signers, role: 'approver' });
}

async function sourceOf({ source, sourceGit, isDryRun = false }: ReleaseInput): Promise<ReleaseOutcome<Source>> {
  if (source) return accept(source);
  if (!sourceGit)
    return refuse('missing', 'expected a repository to read the source commit from, or the source itself');
  return readSource(sourceGit, { acceptDirty: isDryRun });
}

async function checkDescends(
  { sourceGit, allowRollback = false, isDryRun = false }: ReleaseInput,
  previous: VerifiedTree | null,
  { commit }: Source,
): Promise<ReleaseOutcome<null>> {
  if (!previous || allowRollback || isDryRun) return accept(null);
  if (sourceGit) return checkRollback({ git: sourceGit, previous, commit, allowRollback });
  return refuse('not-a-descendant', 'without the repository nobody can tell; allow the rollback explicitly');
}

/** What a new release is built on: one snapshot of the target, verified. */
export interface ReleaseBase {
  readonly snapshot: Snapshot;
  readonly chain: TrustChain;
  readonly previous: VerifiedTree | null;
}

export async function readBase(
  ctx: VerifyContext,
  { target, start, floors }: Pick<Publisher, 'target' | 'start' | 'floors'>,
  clock: Clock,
): Promise<ReleaseOutcome<ReleaseBase>> {
  const stored = await floors.read();
  const snapshot = await target.snapshot();
  const chain = await readTrust(ctx, { tree: snapshot.tree, start, floor: stored?.trust ?? null });
  if (!chain.ok) return chain;
  const known = { trust: stored?.trust ?? null, release: stored?.release ?? null, head: stored?.head ?? null };
  const now = msToInstant(clock.now());
  const previous = await readPublished(ctx, { tree: snapshot.tree, chain: chain.value, floors: known, now });
  return previous.ok ? accept({ snapshot, chain: chain.value, previous: previous.value }) : previous;
}

/** Built here: pushed, and compared with what is here. Carried over: followed in the cache by its digest. */
async function pushAndCheck(
  ports: ReleasePorts,
  { push, cache }: ReleaseInput,
  { closures }: Build,
  assembly: Assembly,
  chain: TrustChain,
): Promise<ReleaseOutcome<null>> {
  if (!cache) return refuse('not-in-cache', 'expected the cache that agents fetch from');
  const here = new Map<HostName, StorePath>();
  const elsewhere = new Map<HostName, HostClosure>();
  for (const [host, entry] of assembly.closures) {
    if (closures.has(host) && !assembly.carriedOver.includes(host)) here.set(host, entry.closure);
    else elsewhere.set(host, entry);
  }
  if (push) {
    const pushed = await pushClosures({ ...ports, target: push, closures: here });
    if (!pushed.ok) return pushed;
  }
  ports.progress.report({ step: 'verify-cache', state: 'started', detail: cache.name });
  const check = { crypto: ports.crypto, cache, keys: chain.newest.document.cacheKeys };
  const found = await verifyCache({ ...check, closures });
  if (!found.ok) return found;
  const followed = await verifyCachedClosures({ ...check, closures: elsewhere });
  if (!followed.ok) return followed;
  const detail = `${found.value.paths + followed.value.paths} paths`;
  ports.progress.report({ step: 'verify-cache', state: 'done', detail });
  return accept(null);
}

/** Adds signatures to a release that waits in `pending/`, and publishes it once there are enough. */
export async function signPending(
  ctx: VerifyContext,
  publisher: Publisher,
  { sha256 }: { readonly sha256: Assembly['sha256'] },
): Promise<PublishOutcome> {
  const base = await readBase(ctx, publisher, publisher.clock);
  if (!base.ok) return base;
  const { snapshot, chain, previous } = base.value;
  const found = await fromPending(ctx, snapshot.tree, sha256);
  if (!found.ok) return found.reason === 'missing' ? refuse('missing', `no release ${sha256} is pending`) : found;
  const { change, document } = found.value;
  // Before a key is asked: one that was overtaken could never be published, and a signature of it is best not made.
  const next = (previous?.release.document.version ?? 0) + 1;
  if (document.version !== next) {
    return refuse('wrong-version', `it is release ${document.version}, and ${next} comes next: assemble it again`);
  }
  const { commit, repository } = document.source;
  const channels = Object.keys(document.channels).join(', ');
  const { emergency } = document;
  const claim = emergency ? `; an emergency until ${emergency.expiresAt}: ${emergency.reason}` : '';
  const detail = `release ${document.version} of ${commit} of ${repository}, channels ${channels}${claim}`;
  publisher.progress.report({ step: 'verify', state: 'done', detail: `pending ${detail}` });
  return signAndPublish(ctx, publisher, { snapshot, change, sha256, trust: chain.newest });
}
