import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalBytes, type Json } from '@nixfleet/contracts';
import { packetSums, packetSumsPath } from '@nixfleet/evidence';
import { readEvidenceArchive, writeEvidenceArchive } from './evidence-archive.ts';
import { filesOf } from './open-packet.ts';

/** What whoever changes a packet would do next: manifest and sums agree with the files again. */
export async function remanifest(folder: string, { keepsSums = false } = {}): Promise<void> {
  const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'));
  const digest = async (path: string) => {
    const bytes = await readFile(join(folder, path));
    return { sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length };
  };
  manifest.files = {};
  for (const path of await filesOf(folder)) {
    if (path !== 'manifest.json' && path !== packetSumsPath) manifest.files[path] = await digest(path);
  }
  if (!keepsSums) await writeFile(join(folder, packetSumsPath), packetSums(manifest.files));
  manifest.files[packetSumsPath] = await digest(packetSumsPath);
  await writeFile(join(folder, 'manifest.json'), canonicalBytes(manifest as Json));
}

export interface Entry {
  name: string;
  bytes: Uint8Array;
  sig: string | null;
  sshsig: string | null;
}

/** Reads, changes and writes the collections of one host. */
export async function rearchive(
  folder: string,
  host: string,
  change: (entries: Entry[]) => void | Promise<void>,
): Promise<void> {
  const path = join(folder, 'hosts', host, 'evidence.tar.zst');
  const entries: Entry[] = [];
  for await (const entry of readEvidenceArchive(createReadStream(path), path)) entries.push({ ...entry });
  await change(entries);
  async function* each() {
    yield* entries;
  }
  await writeEvidenceArchive(path, each());
  await remanifest(folder);
}
