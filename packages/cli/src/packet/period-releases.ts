import {
  documentBytesMax,
  entriesOf,
  FleetDocument,
  fleetPath,
  type HostName,
  type Instant,
  ReleaseDocument,
  readDocument,
  type Sha256Hex,
  type TrustState,
  type VerifyContext,
} from '@nixfleet/contracts';
import { type HistoricRelease, verifyHistoricRelease } from '@nixfleet/evidence';
import { readSigned } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { ReleasesPlace } from '../verification/releases-place.ts';

/**
 * The releases of a period without a hole, verified: from the one that was newest when it began, or an earlier one that is
 * named or that had a rollout which is named, to the last one made in it. Throws `CliError` `failed` where there is none, or one does not verify.
 */
export async function* periodReleases(
  ctx: VerifyContext,
  place: ReleasesPlace,
  {
    trust,
    from,
    to,
    named,
    rollouts,
    journals,
    hosts,
  }: {
    readonly trust: readonly TrustState[];
    readonly from: Instant;
    readonly to: Instant;
    /** Hashes. */
    readonly named: ReadonlySet<string>;
    /** A rollout that finishes under later releases was bound, with its static report, by one that had it as its own. */
    readonly rollouts: ReadonlySet<string>;
    /** When each host's journal begins: the keys that signed it since are those of the releases of then. `whole`: not known. */
    readonly journals: Journals;
    /** Those that it is about: their catalogues have to be there. */
    readonly hosts: ReadonlySet<HostName>;
  },
): AsyncGenerator<{ readonly path: string; readonly release: HistoricRelease }> {
  const all: { readonly hash: Sha256Hex; readonly document: ReleaseDocument }[] = [];
  for (const name of await place.list('release')) {
    const hash = /^([0-9a-f]{64})\.json$/.exec(name)?.[1] as Sha256Hex | undefined;
    if (hash === undefined) continue;
    const bytes = await place.read(`release/${name}`, documentBytesMax.release);
    const read = bytes && readDocument(ctx.fleet, { type: 'release', schema: ReleaseDocument }, bytes);
    if (read?.ok) all.push({ hash, document: read.value.document });
  }
  all.sort((left, right) => left.document.version - right.document.version);
  const current = all.findLast(({ document }) => document.createdAt <= from) ?? all[0];
  const asked = all.filter(({ hash }) => named.has(hash)).map(({ document }) => document.version);
  const within = all.filter(({ document }) => document.createdAt < to);
  for (const rolloutId of rollouts) {
    const own = within.findLast(({ document }) =>
      entriesOf(document.channels).some(([, channel]) => channel.rolloutId === rolloutId),
    );
    if (own) asked.push(own.document.version);
  }
  const earlier = all.filter(({ document }) => document.version < (current?.document.version ?? 0));
  if (current) asked.push(...(await keyReleases(ctx, place, { current: current.document, before: earlier, journals })));
  const lowest = Math.min(current?.document.version ?? 0, ...asked);
  let found = 0;
  for (const { hash, document } of within) {
    if (document.version < lowest) continue;
    const path = `release/${hash}.json`;
    const signed = await readSigned(place, path, documentBytesMax.release);
    if (!signed) continue;
    const read = (bound: string, bytesMax: number) => place.read(bound, bytesMax);
    const verified = await verifyHistoricRelease(ctx, { signed, trust, read, hosts });
    if (!verified.ok) {
      const isStartNewer = document.trustVersion < (trust[0]?.document.version ?? 0);
      const next = isStartNewer ? 'give an older one with --trust' : 'mend the releases repository';
      throw new CliError('failed', `${path}: ${verified.reason}: ${verified.detail}`, next);
    }
    found++;
    yield { path, release: verified.value };
  }
  if (found === 0) throw new CliError('failed', `${place.name}: no release of this period`, 'check --from and --to');
}

type Journals = ReadonlyMap<HostName, Instant> | 'whole';

/** Versions of releases before the period that declare a key which a host had since its journal began, and has no more. */
async function keyReleases(
  ctx: VerifyContext,
  place: ReleasesPlace,
  {
    current,
    before,
    journals,
  }: {
    readonly current: ReleaseDocument;
    /** Oldest first. */
    readonly before: readonly { readonly document: ReleaseDocument }[];
    readonly journals: Journals;
  },
): Promise<number[]> {
  const fleets = new Map<Sha256Hex, FleetDocument | null>();
  const fleetOf = async ({ resolvedFleet: { sha256 } }: ReleaseDocument): Promise<FleetDocument | null> => {
    const known = fleets.get(sha256);
    if (known !== undefined) return known;
    const bytes = await place.read(fleetPath(sha256), documentBytesMax.fleet);
    const read = bytes && readDocument(ctx.fleet, { type: 'fleet', schema: FleetDocument }, bytes);
    const fleet = read?.ok ? read.value.document : null;
    fleets.set(sha256, fleet);
    return fleet;
  };
  const versions: number[] = [];
  const keys = new Set<string>();
  /** Whether there is one among them that no later release declared. */
  const addKeys = (fleet: FleetDocument | null, until: Instant | null): boolean => {
    const found = entriesOf(fleet?.hosts ?? {}).flatMap(([host, { pubkeys }]) => {
      const begins = journals === 'whole' ? null : (journals.get(host) ?? until);
      return until === null || begins === null || begins < until ? pubkeys.map((key) => `${host} ${key}`) : [];
    });
    const isNew = found.some((key) => !keys.has(key));
    for (const key of found) keys.add(key);
    return isNew;
  };
  addKeys(await fleetOf(current), null);
  let until = current.createdAt;
  for (const { document } of before.toReversed()) {
    // In force until the next one, so it counts for a journal that began before that.
    if (addKeys(await fleetOf(document), until)) versions.push(document.version);
    until = document.createdAt;
  }
  return versions;
}
