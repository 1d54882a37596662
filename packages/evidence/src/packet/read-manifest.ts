import { accept, parseCanonical, refuse, type Verified, type VerifyContext } from '@nixfleet/contracts';
import { PacketManifest, packetManifestBytesMax, packetManifestPath } from './packet-manifest.ts';
import type { PacketReader } from './packet-reader.ts';

export async function readPacketManifest(ctx: VerifyContext, reader: PacketReader): Promise<Verified<PacketManifest>> {
  const bytes = await reader.read(packetManifestPath, packetManifestBytesMax);
  if (!bytes) return refuse('missing', `${packetManifestPath} is not there`);
  const json = parseCanonical(bytes, { bytesMax: packetManifestBytesMax, depthMax: 8 });
  if (!json.ok) return refuse(json.reason, json.detail);
  const manifest = PacketManifest.safeParse(json.value);
  if (!manifest.success) return refuse('invalid', manifest.error.message.slice(0, 500));
  if (manifest.data.fleet !== ctx.fleet) {
    return refuse('wrong-fleet', `expected fleet ${ctx.fleet}, got ${manifest.data.fleet}`);
  }
  if (manifest.data.to <= manifest.data.from) return refuse('invalid', 'its period ends before it begins');
  return accept(manifest.data);
}
