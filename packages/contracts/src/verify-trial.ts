import type { FleetDocument } from './fleet.ts';
import { addSeconds, type Instant } from './instant.ts';
import type { HostName } from './names.ts';
import { entriesOf, lookup } from './record.ts';
import { accept, refuse, type Verified } from './refusal.ts';
import { type ReleaseDocument, type Trial, trialSecondsMax, trialsMax } from './release.ts';
import type { ManifestHost } from './rollout-manifest.ts';
import type { VerifyContext } from './signed-bytes.ts';
import { readManifest, type VerifiedManifest } from './verify-manifest.ts';
import type { VerifiedRelease } from './verify-release.ts';

export interface VerifiedTrial {
  readonly manifest: VerifiedManifest;
  readonly entry: ManifestHost;
  readonly expiresAt: Instant;
}

/** The trial of `host` that has not run out at `now`; null without one. */
export function trialOf({ trials }: ReleaseDocument, host: string, now: Instant): Trial | null {
  const trial = trials && lookup(trials, host);
  return trial && now < trial.expiresAt ? trial : null;
}

/** Those that have not run out at `now`, in byte order of their hosts. */
export function trialsAt(
  { trials = {} }: Pick<ReleaseDocument, 'trials'>,
  now: Instant,
): readonly (readonly [HostName, Trial])[] {
  return entriesOf(trials).filter(([, { expiresAt }]) => now < expiresAt);
}

/**
 * Order, and what each check stops:
 * 1. the release names a trial of this host that has not run out (`expired`), and not for longer than a trial may last
 *    after the release was made (`invalid`): a host that is kept off its channel for good;
 * 2. size, hash, form, type, fleet, schema, shape, `introducedIn`, as of any manifest;
 * 3. it is of the channel in which the newest fleet has the host (`wrong-channel`), and of this host alone in one wave
 *    (`wrong-host`): a trial that would reach others.
 */
export async function verifyTrial(
  ctx: VerifyContext,
  {
    release,
    fleet,
    host,
    bytes,
    now,
  }: {
    readonly release: VerifiedRelease;
    readonly fleet: FleetDocument;
    readonly host: HostName;
    readonly bytes: Uint8Array;
    readonly now: Instant;
  },
): Promise<Verified<VerifiedTrial>> {
  const { document } = release;
  const named = trialOf(document, host, now);
  if (!named) return refuse('expired', `trial of ${host}: release ${document.version} names none that has not run out`);
  if (Object.keys(document.trials ?? {}).length > trialsMax) {
    return refuse('invalid', `release ${document.version}: expected at most ${trialsMax} trials`);
  }
  // One that a later release carries on is the shorter for it.
  if (addSeconds(document.createdAt, trialSecondsMax) < named.expiresAt) {
    return refuse('invalid', `trial of ${host}: expected an end within ${trialSecondsMax} s, got ${named.expiresAt}`);
  }
  const read = await readManifest(ctx, { release, bytes, rolloutId: named.rolloutId, bytesExact: named.bytes });
  if (!read.ok) return read;
  const manifest = read.value;
  const declared = lookup(fleet.hosts, host);
  if (!declared) return refuse('unknown-host', `trial of ${host}: not in the fleet`);
  if (manifest.channel !== declared.channel) {
    return refuse('wrong-channel', `trial of ${host}: expected channel ${declared.channel}, got ${manifest.channel}`);
  }
  const entry = lookup(manifest.hosts, host);
  if (!entry || Object.keys(manifest.hosts).length !== 1 || manifest.waves.length !== 1) {
    const names = Object.keys(manifest.hosts).slice(0, 5).join(', ');
    return refuse('wrong-host', `trial of ${host}: expected this host alone in one wave, got ${names}`);
  }
  const { rolloutId, expiresAt } = named;
  return accept({ manifest: { document: manifest, rolloutId, bytes, isCurrent: false }, entry, expiresAt });
}
