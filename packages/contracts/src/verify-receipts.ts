import type { EventOf, JournalEvent, SignedEvent } from './event.ts';
import type { HostName, RolloutId } from './names.ts';
import { entriesOf, lookup } from './record.ts';
import { type AgentRefusalCode, accept, refuse, type Verified } from './refusal.ts';
import type { RolloutManifest } from './rollout-manifest.ts';
import type { VerifyContext } from './signed-bytes.ts';
import { isSignedBy, readEvent } from './verify-events.ts';
import type { VerifiedFleet } from './verify-fleet.ts';

/**
 * Hosts of `wave` whose `converged` event a later wave must see: `receiptsPercent` of its hosts, rounded up, at least one
 * unless the percentage is 0 or the wave is empty.
 */
export function receiptsNeeded(manifest: RolloutManifest, wave: number): number {
  return receiptsOf(manifest, wave, waveHosts(manifest, wave).length);
}

/** The same, where the number of the wave's hosts is known already. */
export function receiptsOf(manifest: RolloutManifest, wave: number, hosts: number): number {
  const percent = manifest.waves[wave]?.promoteWhen.receiptsPercent ?? 100;
  return Math.ceil((hosts * percent) / 100);
}

/** Hosts of one wave, in byte order of their names. */
export function waveHosts(manifest: RolloutManifest, wave: number): readonly HostName[] {
  return entriesOf(manifest.hosts)
    .filter(([, entry]) => entry.wave === wave)
    .map(([name]) => name);
}

/**
 * Proof of wave order (design §8): before a host of `wave` starts, every earlier wave has enough distinct hosts that
 * signed that they converged on exactly what this manifest gives them. Stops a stolen control plane from skipping the
 * canaries. Each receipt is verified by itself; a bad one refuses the whole, since nobody honest sends it:
 * form, envelope, shape → kind → host in the fleet and the rollout → earlier wave → rollout → closure, digest, attempt →
 * signature by a key that the newest fleet declares for that host. Too few is `receipts-missing`.
 */
export async function verifyReceipts(
  ctx: VerifyContext,
  input: {
    readonly fleet: VerifiedFleet;
    readonly manifest: RolloutManifest;
    readonly rolloutId: RolloutId;
    readonly wave: number;
    readonly receipts: readonly SignedEvent[];
  },
): Promise<Verified<{ readonly hosts: readonly HostName[] }, AgentRefusalCode>> {
  const { manifest, wave, receipts } = input;
  if (wave === 0) return accept({ hosts: [] });
  if (!Number.isSafeInteger(wave) || wave < 0 || wave >= manifest.waves.length) {
    return refuse('wrong-wave', `receipts: expected one of ${manifest.waves.length} waves, got ${wave}`);
  }
  const hostsMax = Object.keys(manifest.hosts).length;
  if (receipts.length > hostsMax) {
    return refuse('oversized', `receipts: expected at most one for each of ${hostsMax} hosts, got ${receipts.length}`);
  }
  const converged = new Set<HostName>();
  for (const receipt of receipts) {
    const host = await verifyReceipt(ctx, input, receipt);
    if (!host.ok) return host;
    converged.add(host.value);
  }
  for (let earlier = 0; earlier < wave; earlier++) {
    const missing = waveHosts(manifest, earlier).filter((name) => !converged.has(name));
    const have = waveHosts(manifest, earlier).length - missing.length;
    const need = receiptsNeeded(manifest, earlier);
    if (have < need) {
      const names = missing.slice(0, 20).join(', ');
      return refuse('receipts-missing', `wave ${earlier}: expected ${need} converged hosts, got ${have}; not ${names}`);
    }
  }
  return accept({ hosts: [...converged] });
}

async function verifyReceipt(
  ctx: VerifyContext,
  input: {
    readonly fleet: VerifiedFleet;
    readonly manifest: RolloutManifest;
    readonly rolloutId: RolloutId;
    readonly wave: number;
  },
  receipt: SignedEvent,
): Promise<Verified<HostName, AgentRefusalCode>> {
  const read = await readEvent(ctx, receipt);
  if (!read.ok) return refuse(read.reason, `receipt: ${read.detail}`);
  const { event } = read.value;
  const what = `receipt of ${event.host}`;
  if (!isConverged(event)) return refuse('invalid', `${what}: expected a converged event, got ${event.kind}`);
  const entry = lookup(input.manifest.hosts, event.host);
  const keys = input.fleet.hostKeys(event.host);
  if (!entry || keys.length === 0) return refuse('unknown-host', `${what}: not a host of this rollout and fleet`);
  if (entry.wave >= input.wave) {
    return refuse('wrong-wave', `${what}: in wave ${entry.wave}, which is not before ${input.wave}`);
  }
  const { target } = event.body;
  if (target.rolloutId !== input.rolloutId) {
    return refuse('wrong-rollout', `${what}: expected rollout ${input.rolloutId}, got ${target.rolloutId}`);
  }
  const isEntry =
    target.closure === entry.closure &&
    target.closureDigest === entry.closureDigest &&
    target.attempt === entry.attempt;
  if (!isEntry) {
    const got = `${target.closure} attempt ${target.attempt}`;
    return refuse('wrong-closure', `${what}: expected ${entry.closure} attempt ${entry.attempt}, got ${got}`);
  }
  if (!(await isSignedBy(ctx, keys, receipt))) {
    return refuse('bad-signature', `${what}: not signed by a key that ${event.host} declares`);
  }
  return accept(event.host);
}

function isConverged(event: JournalEvent): event is EventOf<'converged'> {
  return event.kind === 'converged';
}
