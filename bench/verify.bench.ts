// From trust to manifest, as an agent verifies one release: milliseconds a walk, and its ratio to the signature checks alone.
import { performance } from 'node:perf_hooks';
import {
  manifestEntry,
  pinTrust,
  releasePath,
  verifyFleet,
  verifyHead,
  verifyManifest,
  verifyRelease,
} from '@nixfleet/contracts';
import { accepted, createTestFleet, demoIntent, readSigned, testHost } from '@nixfleet/testkit';

const rounds = 40;
const hosts = 200;

const intent = demoIntent();
const channel = Object.values(intent.hosts)[0]?.channel ?? 'stable';
for (let i = 0; i < hosts; i++) {
  const name = `host-${i}`;
  intent.hosts[name] = testHost(channel);
  intent.channels[channel]?.waves.at(-1)?.hosts.push(name);
}
const fleet = await createTestFleet({ intent });
const { fleet: fleetBytes, manifests } = await fleet.publish();
const manifestBytes = manifests.get(channel)?.bytes ?? new Uint8Array();
const { ctx, now, files } = fleet;
const trustBytes = files.get('trust/1.json') ?? new Uint8Array();

async function walk(): Promise<void> {
  const trust = accepted(await pinTrust(ctx, trustBytes));
  const head = accepted(await verifyHead(ctx, { trust, signed: readSigned(files, 'head.json'), floor: null, now }));
  const signed = readSigned(files, releasePath(head.document.release.sha256));
  const release = accepted(await verifyRelease(ctx, { trust, head, signed, floor: null, now }));
  const verifiedFleet = accepted(await verifyFleet(ctx, { release, bytes: fleetBytes }));
  const manifest = accepted(await verifyManifest(ctx, { release, channel, bytes: manifestBytes }));
  accepted(manifestEntry(manifest.document, verifiedFleet, 'host-1'));
}

async function signaturesAlone(): Promise<void> {
  const trust = accepted(await pinTrust(ctx, trustBytes));
  for (const path of ['head.json', releasePath(fleet.headDocument.release.sha256)]) {
    const { bytes, signatures } = readSigned(files, path);
    for (const [keyId, signature] of signatures) {
      const key = trust.keys.get(keyId)?.key;
      if (!key || key.algorithm === 'sk-ssh-ed25519' || !(await ctx.crypto.verify(key, bytes, signature))) {
        throw new Error(`${path}: not signed by ${keyId}`);
      }
    }
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? 0;
const walks: number[] = [];
const bare: number[] = [];
for (let round = 0; round < rounds; round++) {
  walks.push(await timed(walk));
  bare.push(await timed(signaturesAlone));
}
const walkMs = median(walks);
console.log(
  JSON.stringify({
    bench: 'verify',
    hosts,
    fleetBytes: fleetBytes.length,
    manifestBytes: manifestBytes.length,
    walkMs: Number(walkMs.toFixed(2)),
    ratioToSignatures: Number((walkMs / median(bare)).toFixed(1)),
  }),
);
