import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  accept,
  type Clock,
  type Commit,
  type Crypto,
  closureDigest,
  entriesOf,
  FleetDocument,
  HostCompliance,
  type HostName,
  type Instant,
  msToInstant,
  refuse,
  type Source,
  type StorePath,
  type SystemName,
  sealDocument,
  type TrustState,
} from '@nixfleet/contracts';
import { z } from 'zod';
import { boundedMap } from './bounded-map.ts';
import { type BuildFailure, failureLines } from './build-failure.ts';
import type { BuildHost, BuildResult } from './build-result.ts';
import { readDrillRecords } from './drill-records.ts';
import { packagesOf } from './drv-name.ts';
import { type EvaluationLimits, evaluateHosts } from './evaluate-hosts.ts';
import type { FleetSource } from './fleet-source.ts';
import type { Git } from './git.ts';
import type { EvaluatedHost, Nix, NixOutcome } from './nix.ts';
import type { PathInfo } from './path-info.ts';
import { type PinnedHosts, readPinnedHosts } from './pinned-hosts.ts';
import type { ProcessMemory } from './process-memory.ts';
import type { Progress } from './progress.ts';
import { readWaivers } from './read-waivers.ts';
import { factsLine, observeFacts, type ReleaseFacts, type StatedFacts } from './release-facts.ts';
import type { ReleaseOutcome } from './release-refusal.ts';
import { resolveChannelTimes } from './resolve-windows.ts';
import { undoObstacle } from './undoable-system.ts';

/** Queries of the store at once. */
const readsMax = 4;

export interface BuildPorts {
  readonly nix: Nix;
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly memory: ProcessMemory;
  readonly progress: Progress;
}

export interface BuildInput {
  readonly fleet: FleetSource;
  /** Where the expression came from: named in the release. */
  readonly source: Source;
  /** The repository that the fleet is in, for pins to other commits of it. Null for a remote flake. */
  readonly sourceGit: Git | null;
  /** What somebody else says of the release. */
  readonly stated?: StatedFacts;
  /** Whose signatures of commits are known; by default nobody's. */
  readonly trust?: TrustState;
  /** Hosts of this system only. Default: of every system, for builders that can build them all. */
  readonly systems: readonly SystemName[] | 'all';
  readonly limits: EvaluationLimits;
  /** Builds at once (`max-jobs`). Default: Nix's own configuration. */
  readonly buildsMax?: number;
  /** An existing folder for the links that protect what was built from garbage collection. */
  readonly rootsDirectory: string;
}

/** What was built, and for pushing and checking the cache the paths of every closure. */
export interface Build {
  readonly results: readonly BuildResult[];
  readonly closures: ReadonlyMap<HostName, readonly PathInfo[]>;
  readonly warnings: readonly string[];
}

/**
 * Evaluates and builds; needs no keys and no previous release. A host that fails is a failed entry of its result, since
 * `assemble` decides what that means; refusals are about the fleet as a whole.
 */
export async function buildFleet(ports: BuildPorts, input: BuildInput): Promise<ReleaseOutcome<Build>> {
  const topology = await readTopology(ports, input.fleet);
  if (!topology.ok) return topology;
  const { fleet, warnings } = topology.value;
  const now = msToInstant(ports.clock.now());
  const timeless = unresolvableTimes(fleet, now);
  if (timeless) return timeless;
  const facts = await factsOf(ports, input);
  if (!facts.ok) return facts;
  ports.progress.report({ step: 'evaluate', state: 'line', detail: factsLine(facts.value) });
  const checkouts = await mkdtemp(join(tmpdir(), 'nixfleet-pinned-'));
  try {
    const pinned = await readPinnedHosts(fleet, {
      source: input.fleet,
      released: input.source.commit,
      git: input.sourceGit,
      directory: checkouts,
      now,
    });
    if (!pinned.ok) return pinned;
    return accept(await buildHosts(ports, input, { fleet, pinned: pinned.value, warnings, facts: facts.value }));
  } finally {
    await rm(checkouts, { recursive: true, force: true });
  }
}

async function factsOf(
  { crypto }: BuildPorts,
  { sourceGit, source, fleet, stated = {}, trust }: BuildInput,
): Promise<ReleaseOutcome<ReleaseFacts>> {
  if (sourceGit === null) return accept({ ...stated, observed: null });
  return observeFacts(sourceGit, { commit: source.commit, fleet, stated, crypto, trust: trust ?? null });
}

/** `hosts`: these alone; default every host of the wanted systems. */
export async function buildHosts(
  ports: BuildPorts,
  input: BuildInput,
  {
    fleet,
    pinned,
    warnings,
    facts = null,
    hosts: only,
  }: {
    readonly fleet: FleetDocument;
    readonly pinned: PinnedHosts;
    readonly warnings: readonly string[];
    readonly facts?: ReleaseFacts | null;
    readonly hosts?: readonly HostName[];
  },
): Promise<Build> {
  const hosts = entriesOf(fleet.hosts)
    .filter(([, { system }]) => input.systems === 'all' || input.systems.includes(system))
    .map(([name]) => name)
    .filter((name) => only === undefined || only.includes(name));
  const evaluated = await evaluateHosts({
    ...ports,
    sourceOf: (host) => pinned.commits.get(host)?.source ?? input.fleet,
    // A pinned host is of another commit, which says itself what it is.
    factsOf: (host) => (pinned.commits.has(host) ? null : facts),
    hosts: hosts.filter((host) => !pinned.closures.has(host)),
    limits: input.limits,
  });
  const toBuild = [...evaluated.values()].filter((found) => found.ok).map(({ value }) => value.derivation);
  const report = (detail: string) => ports.progress.report({ step: 'build', state: 'line', detail });
  ports.progress.report({ step: 'build', state: 'started', detail: `${toBuild.length} hosts` });
  const { buildsMax } = input;
  const wanted = [...new Set(toBuild)];
  const all = await ports.nix.build(wanted, buildsMax === undefined ? {} : { buildsMax }, { onLine: report });
  const closures = new Map<HostName, readonly PathInfo[]>();
  const built = await boundedMap(hosts, readsMax, async (host): Promise<[HostName, BuildHost]> => {
    const closure = pinned.closures.get(host);
    if (closure !== undefined) return [host, await readPinned(ports, { ...input, host, closure, closures })];
    const found = evaluated.get(host);
    if (!found?.ok) return [host, failure('evaluate', found?.detail ?? 'was not evaluated')];
    const { derivation } = found.value;
    const root = join(input.rootsDirectory, host);
    const builtFrom = pinned.commits.get(host)?.commit;
    const held = await ports.nix.realise(derivation, root);
    const compliance = HostCompliance.nullable().safeParse(found.value.compliance);
    if (!compliance.success) {
      return [host, failure('evaluate', `compliance.${host}: ${z.prettifyError(compliance.error)}`)];
    }
    const entry = await readHeld(ports, held, {
      host,
      closures,
      ...(compliance.data === null ? {} : { compliance: compliance.data }),
      ...(builtFrom === undefined ? {} : { builtFrom }),
    });
    if (entry.ok || all.ok) return [host, entry];
    // Nix says why when it builds, and only which when it is asked again.
    const causes = await causesOf(ports.nix, derivation, all.failures ?? []);
    return [host, failure('build', causes.length === 0 ? all.detail : causes.flatMap(failureLines).join('\n'))];
  });
  reportFailures(ports.progress, built);

  const waivers = input.sourceGit === null ? [] : await readWaivers(input.sourceGit, input.source.commit);
  const drills = input.sourceGit === null ? [] : await readDrillRecords(input.sourceGit, input.source.commit);
  const systems = input.systems === 'all' ? systemsOf(fleet) : input.systems;
  const results = systems.map(
    (system): BuildResult => ({
      type: 'build-result',
      schemaVersion: 1,
      system,
      source: input.source,
      fleet,
      hosts: Object.fromEntries(built.filter(([host]) => fleet.hosts[host]?.system === system)),
      ...(waivers.length === 0
        ? {}
        : { waivers: waivers.map((file) => ({ ...file, sshSignatures: { ...file.sshSignatures } })) }),
      ...(drills.length === 0
        ? {}
        : { drills: drills.map((file) => ({ ...file, sshSignatures: { ...file.sshSignatures } })) }),
    }),
  );
  return { results, closures, warnings: [...warnings, ...hostWarnings(evaluated)] };
}

/** Each line once, with the hosts that it is about: what one module does, it does on all of them. */
function hostWarnings(evaluated: ReadonlyMap<HostName, NixOutcome<EvaluatedHost>>): string[] {
  const hosts = new Map<string, HostName[]>();
  for (const [host, found] of evaluated) {
    for (const line of found.ok ? new Set(found.value.warnings) : []) {
      const same = hosts.get(line);
      if (same) same.push(host);
      else hosts.set(line, [host]);
    }
  }
  return [...hosts].map(([line, names]) => `${someOf(names.sort())}: ${line}`);
}

/** A pinned closure: here already, or fetched; that it is in the cache of the hosts is checked as for all. */
async function readPinned(
  ports: BuildPorts,
  input: {
    readonly rootsDirectory: string;
    readonly host: HostName;
    readonly closure: StorePath;
    readonly closures: Map<HostName, readonly PathInfo[]>;
  },
): Promise<BuildHost> {
  const { host, rootsDirectory, closures, closure } = input;
  const held = await ports.nix.obtain(closure, join(rootsDirectory, host));
  return readHeld(ports, held, { host, closures, builtFrom: null });
}

/** What a manifest says of a closure that this store holds. */
async function readHeld(
  { nix, crypto, progress }: BuildPorts,
  held: NixOutcome<StorePath>,
  input: {
    readonly host: HostName;
    readonly closures: Map<HostName, readonly PathInfo[]>;
    readonly builtFrom?: Commit | null;
    readonly compliance?: HostCompliance;
  },
): Promise<BuildHost> {
  const { host, closures, ...origin } = input;
  const infos = held.ok ? await nix.closureInfo(held.value) : held;
  if (!held.ok || !infos.ok) return failure('build', infos.ok ? '' : infos.detail);
  const obstacle = await undoObstacle(held.value, nix);
  if (obstacle !== null) return failure('build', obstacle);
  closures.set(host, infos.value);
  progress.report({ step: 'build', state: 'done', host, detail: held.value });
  return {
    ok: true,
    closure: held.value,
    closureDigest: await closureDigest(crypto, infos.value),
    closureBytes: infos.value.reduce((sum, { narSize }) => sum + narSize, 0),
    packages: packagesOf(infos.value.map(({ path }) => path)),
    ...origin,
  };
}

/** Those of `failures` that a derivation needs: another host's are not its own. */
async function causesOf(
  nix: Nix,
  derivation: StorePath,
  failures: readonly BuildFailure[],
): Promise<readonly BuildFailure[]> {
  if (failures.length === 0) return failures;
  const needs = await nix.buildRequisites(derivation);
  return needs.ok ? failures.filter((cause) => needs.value.has(cause.derivation)) : failures;
}

/** Hosts that are named of those that one line is about. */
const hostsNamedMax = 5;

/** Each reason once, with the hosts that have it: one broken library breaks them all. */
function reportFailures(progress: Progress, built: readonly (readonly [HostName, BuildHost])[]): void {
  const hosts = new Map<string, HostName[]>();
  for (const [host, entry] of built) {
    if (entry.ok || entry.step !== 'build') continue;
    const same = hosts.get(entry.message);
    if (same) same.push(host);
    else hosts.set(entry.message, [host]);
  }
  for (const [message, names] of hosts) {
    progress.report({ step: 'build', state: 'failed', detail: `${someOf(names)}: ${message}` });
  }
}

function someOf(names: readonly HostName[]): string {
  const more = names.length > hostsNamedMax ? ` and ${names.length - hostsNamedMax} more` : '';
  return `${names.slice(0, hostsNamedMax).join(', ')}${more}`;
}

function failure(step: 'evaluate' | 'build', message: string): BuildHost {
  return { ok: false, step, message: message.slice(0, 4000) };
}

const Names = z.array(z.string());

/** The fleet without forcing any host, checked as readers of the signed document will check it. */
export async function readTopology(
  { nix, crypto, progress }: Pick<BuildPorts, 'nix' | 'crypto' | 'progress'>,
  source: FleetSource,
): Promise<ReleaseOutcome<{ readonly fleet: FleetDocument; readonly warnings: readonly string[] }>> {
  progress.report({ step: 'topology', state: 'started' });
  const found = await nix.topology(source, {
    onLine: (detail) => progress.report({ step: 'topology', state: 'line', detail }),
  });
  if (!found.ok) return refuse('evaluation-failed', found.detail);
  const fleet = FleetDocument.safeParse(found.value.resolved);
  if (!fleet.success) return refuse('fleet-invalid', `resolved: ${z.prettifyError(fleet.error)}`);
  // What is signed is the expression's own value, not the parsed copy: unknown fields stay, and defaults are not filled in.
  const document = found.value.resolved as FleetDocument;
  await sealDocument(crypto, document);
  const toplevels = new Set(Names.safeParse(found.value.hosts).data ?? []);
  const missing = entriesOf(document.hosts).find(([name]) => !toplevels.has(name));
  if (missing) return refuse('fleet-invalid', `toplevels has no ${missing[0]}, which resolved.hosts declares`);
  progress.report({ step: 'topology', state: 'done', detail: `${Object.keys(document.hosts).length} hosts` });
  return accept({ fleet: document, warnings: Names.safeParse(found.value.warnings).data ?? [] });
}

/** Windows and freezes are resolved when the release is assembled; a zone that does not exist is told before hours of building. */
function unresolvableTimes(fleet: FleetDocument, now: Instant): ReleaseOutcome<never> | null {
  for (const [channel, declared] of entriesOf(fleet.channels)) {
    const times = resolveChannelTimes(declared, { channel, now });
    if (!times.ok) return times;
  }
  return null;
}

function systemsOf(fleet: FleetDocument): SystemName[] {
  return [...new Set(Object.values(fleet.hosts).map(({ system }) => system))].sort();
}
