import {
  decodeBase64,
  encodeBase64,
  formatOpensshPublicLine,
  type Instant,
  keyIdOf,
  type PublicKey,
  parseSpki,
  spkiOf,
  type TrustState,
  textOf,
  type VerifyContext,
} from '@nixfleet/contracts';
import type { KeyOfRecord } from '../verify-evidence.ts';
import { type Break, noteInto, type PacketFindings } from './findings.ts';
import { keysOfRecord } from './historic-release.ts';
import { packetPaths, packetReportPath, packetSums, packetSumsPath } from './packet-manifest.ts';
import { namingOversized, type PacketReader } from './packet-reader.ts';
import { packetReadme } from './readme.ts';
import { renderPacketReport } from './report-html.ts';

const derivedBytesMax = 256 * 1024 * 1024;
const pemBytesMax = 1024;

/**
 * Files of a packet that follow from its verified documents: the report that people read, and what the recipe for stock tools
 * rests on. Whoever verifies the packet makes them again.
 */
export function derivedFiles(found: PacketFindings): ReadonlyMap<string, string> {
  const { fleet } = found.manifest;
  const files = new Map([
    [packetReportPath, renderPacketReport(found)],
    [packetPaths.readme, packetReadme(fleet)],
  ]);
  for (const host of found.manifest.hosts) {
    const keys = keysOfRecord(found.releases, host);
    files.set(packetPaths.allowedSigners(host), allowedSigners(fleet, host, keys));
  }
  return files;
}

/** The keys of a trust chain as PEM, for stock tools. A FIDO key has no such form. */
export function trustKeyFiles(states: readonly TrustState[]): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const { keys } of states) {
    for (const [keyId, { key }] of keys) {
      if (key.algorithm !== 'sk-ssh-ed25519') files.set(packetPaths.trustKey(keyId), pemOf(key));
    }
  }
  return files;
}

/** Where a derived file is not what the findings make: it would tell a person, or a stock tool, something else. */
export async function checkDerived(
  { crypto }: Pick<VerifyContext, 'crypto'>,
  packet: PacketReader,
  found: PacketFindings,
): Promise<readonly Break[]> {
  const breaks: Break[] = [];
  const note = noteInto(breaks);
  const reader = namingOversized(packet, note);
  for (const [where, text] of derivedFiles(found)) {
    const bytes = await reader.read(where, derivedBytesMax);
    if (!bytes || textOf(bytes) !== text) note('report', where, 'is not what the verified documents make');
  }
  // The recipe checks no file that is not in it.
  const sums = await reader.read(packetSumsPath, derivedBytesMax);
  if (!sums || textOf(sums) !== packetSums(found.manifest.files))
    note('report', packetSumsPath, 'does not say what the manifest says');
  for (const where of await reader.list()) {
    const keyId = packetPaths.trustKeyId(where);
    if (keyId === null) continue;
    // Which keys count is for trust to say; that a file has the key that it is named after is all there is to see.
    const key = keyOf((await reader.read(where, pemBytesMax)) ?? new Uint8Array());
    if (key !== null && (await keyIdOf(crypto, key)) === keyId) continue;
    note('report', where, 'is not the key that its name says');
  }
  return breaks;
}

/** What ssh-keygen reads: each key of record with its dates. */
function allowedSigners(fleet: string, host: string, keys: readonly KeyOfRecord[]): string {
  const compact = (instant: Instant) => instant.replaceAll(/[-:T]/g, '');
  const lines = keys.map(({ key, from, until }) => {
    const options = [`namespaces="evidence@${fleet}"`, `valid-after="${compact(from)}"`];
    if (until !== null) options.push(`valid-before="${compact(until)}"`);
    return `${host} ${options.join(',')} ${formatOpensshPublicLine(key)}\n`;
  });
  return lines.sort().join('');
}

const [pemStart, pemEnd] = ['-----BEGIN PUBLIC KEY-----', '-----END PUBLIC KEY-----'];

function pemOf(key: PublicKey): string {
  const lines = encodeBase64(spkiOf(key)).match(/.{1,64}/g) ?? [];
  return `${[pemStart, ...lines, pemEnd].join('\n')}\n`;
}

/** Null for anything but what `pemOf` writes. */
function keyOf(bytes: Uint8Array): PublicKey | null {
  const text = textOf(bytes);
  const spki = decodeBase64(text.slice(pemStart.length, -pemEnd.length - 1).replaceAll('\n', ''));
  const key = spki && parseSpki(spki);
  return key && pemOf(key) === text ? key : null;
}
