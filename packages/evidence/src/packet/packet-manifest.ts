import { entriesOf, envelope, HostName, Instant, Sha256Hex } from '@nixfleet/contracts';
import { z } from 'zod';

/** Most files and hosts of a packet. */
export const packetFilesMax = 100_000;
export const packetHostsMax = 10_000;

/** A path inside a packet: relative, of plain names. */
export const PacketPath = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*){0,7}$/, 'expected a path inside the packet')
  .max(512);

/**
 * `manifest.json` of a packet: what it is about, and size and SHA-256 of every other file. It is not signed and nothing
 * rests on it but that the packet arrived whole: what the files say is shown by their own signatures.
 */
export const PacketManifest = z.object({
  ...envelope('packet'),
  hosts: z.array(HostName).min(1).max(packetHostsMax),
  from: Instant,
  /** Exclusive. */
  to: Instant,
  files: z
    .record(PacketPath, z.object({ sha256: Sha256Hex, bytes: z.int().min(0) }))
    .refine((files) => Object.keys(files).length <= packetFilesMax, `at most ${packetFilesMax} files`),
});
export type PacketManifest = z.infer<typeof PacketManifest>;

export const packetManifestPath = 'manifest.json';
export const packetReportPath = 'index.html';
/** What `sha256sum --check` reads: every file but itself and the manifest. */
export const packetSumsPath = 'SHA256SUMS';
export const packetManifestBytesMax = 64 * 1024 * 1024;

/** Where a packet keeps what. Below `releases/` it is laid out as the releases repository is. */
export const packetPaths = {
  release: (path: string) => `releases/${path}`,
  evidence: (host: string) => `hosts/${host}/evidence.tar.zst`,
  allowedSigners: (host: string) => `hosts/${host}/allowed_signers`,
  journal: (host: string) => `hosts/${host}/journal.jsonl`,
  commit: (commit: string) => `source/${commit}`,
  trustKey: (keyId: string) => `keys/${keyId}.pem`,
  /** The key that a file is named after; null for another file. */
  trustKeyId: (path: string) => /^keys\/([0-9a-f]{64})\.pem$/.exec(path)?.[1] ?? null,
  /** The hash that a document is named after; null for a file with another kind of name. */
  hashInName: (path: string) =>
    /^releases\/(?:fleet|release|reports|rollouts)\/([0-9a-f]{64})\.json$/.exec(path)?.[1] ?? null,
  drills: 'drills',
  readme: 'README.md',
} as const;

/** `SHA256SUMS` of a packet, as its manifest says. */
export function packetSums(files: PacketManifest['files']): string {
  return entriesOf(files)
    .filter(([path]) => path !== packetSumsPath)
    .map(([path, { sha256 }]) => `${sha256}  ${path}\n`)
    .sort((left, right) => (left.slice(66) < right.slice(66) ? -1 : 1))
    .join('');
}
