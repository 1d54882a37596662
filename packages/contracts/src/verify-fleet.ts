import type { PublicKey } from './crypto.ts';
import { FleetDocument } from './fleet.ts';
import type { ChannelName, HostName, OperatorName, Sha256Hex } from './names.ts';
import { parseOpensshPublicLine } from './openssh.ts';
import { parseDocument } from './parse-document.ts';
import { keyIdOf } from './public-key.ts';
import { entriesOf, lookup } from './record.ts';
import { accept, refuse, type Verified } from './refusal.ts';
import { sha256Hex } from './sha256.ts';
import type { VerifyContext } from './signed-bytes.ts';
import type { VerifiedRelease } from './verify-release.ts';

/** Whose key it is: what the server authorises a request by. */
export type Identity =
  | { readonly kind: 'host'; readonly name: HostName }
  | { readonly kind: 'operator'; readonly name: OperatorName };

export interface VerifiedFleet {
  readonly document: FleetDocument;
  readonly sha256: Sha256Hex;
  readonly bytes: Uint8Array;
  /** SHA-256 of the SPKI to the one host or operator that declares it. */
  readonly identities: ReadonlyMap<string, Identity>;
  /** The keys a host declares; empty for a host that is not in the fleet. */
  hostKeys(name: string): readonly PublicKey[];
}

/**
 * Order, and what each check stops:
 * 1. exact size and hash as the release names them, before parsing: endless data, mix-and-match;
 * 2. canonical form, type, fleet, schema version, requirements, shape;
 * 3. keys: one SPKI for two hosts or operators, a control plane's pin or a signer's key as a host's (one theft would
 *    yield two identities). An operator may also be a signer: a person with one SSH key;
 * 4. channels and waves: every host's channel exists, every host of a channel is in exactly one of its waves;
 * 5. every channel released is a channel of the fleet (`unknown-channel`).
 */
export async function verifyFleet(
  ctx: VerifyContext,
  { release, bytes }: { readonly release: VerifiedRelease; readonly bytes: Uint8Array },
): Promise<Verified<VerifiedFleet>> {
  const named = release.document.resolvedFleet;
  if (bytes.length !== named.bytes) {
    return refuse('size-mismatch', `fleet: expected ${named.bytes} bytes, got ${bytes.length}`);
  }
  const hash = await sha256Hex(ctx.crypto, bytes);
  if (hash !== named.sha256) return refuse('hash-mismatch', `fleet: expected ${named.sha256}, got ${hash}`);
  const parsed = await parseDocument(ctx, { type: 'fleet', schema: FleetDocument }, bytes);
  if (!parsed.ok) return parsed;
  const { document } = parsed.value;

  const read = () => readIdentities(ctx, release, document);
  const { identities, hostKeys, problems } = ctx.memo
    ? await ctx.memo.of(`identities ${hash} ${release.trust.sha256}`, read)
    : await read();
  if (problems.length > 0) return refuse('invalid', `fleet: ${problems.join('; ')}`);
  const unknown = entriesOf(release.document.channels).find(([channel]) => !lookup(document.channels, channel));
  if (unknown) return refuse('unknown-channel', `fleet: the release has channel ${unknown[0]}, which is not declared`);
  return accept({
    document,
    sha256: hash,
    bytes,
    identities,
    hostKeys: (name) => hostKeys.get(name) ?? [],
  });
}

async function readIdentities(ctx: VerifyContext, release: VerifiedRelease, document: FleetDocument) {
  const identities = new Map<string, Identity>();
  const hostKeys = new Map<string, PublicKey[]>();
  const problems: string[] = [];
  const pins = new Set<string>(release.trust.document.controlPlanes.map(({ spkiSha256 }) => spkiSha256));

  const declare = async (identity: Identity, lines: readonly string[]): Promise<PublicKey[]> => {
    const keys: PublicKey[] = [];
    const path = `${identity.kind}s.${identity.name}.pubkeys`;
    for (const [i, line] of lines.entries()) {
      const key = parseOpensshPublicLine(line);
      if (!key) {
        problems.push(`${path}.${i}: expected an OpenSSH public key line`);
        continue;
      }
      const spkiSha256 = await keyIdOf(ctx.crypto, key);
      const owner = identities.get(spkiSha256);
      const signer = release.trust.keys.get(spkiSha256);
      if (owner && (owner.kind !== identity.kind || owner.name !== identity.name)) {
        problems.push(`${path}.${i}: the same key as one of ${owner.kind} ${owner.name}`);
      } else if (pins.has(spkiSha256)) {
        problems.push(`${path}.${i}: the same key as a control plane's`);
      } else if (signer && identity.kind === 'host') {
        problems.push(`${path}.${i}: the same key as one of the signer ${signer.signer}`);
      }
      identities.set(spkiSha256, identity);
      keys.push(key);
    }
    return keys;
  };
  for (const [name, { pubkeys }] of entriesOf(document.hosts)) {
    hostKeys.set(name, await declare({ kind: 'host', name }, pubkeys));
  }
  for (const [name, { pubkeys }] of entriesOf(document.operators)) await declare({ kind: 'operator', name }, pubkeys);
  problems.push(...waveProblems(document));
  return { identities, hostKeys, problems };
}

function waveProblems({ hosts, channels }: FleetDocument): string[] {
  const problems: string[] = [];
  const placed = new Map<HostName, ChannelName>();
  for (const [channel, { waves }] of entriesOf(channels)) {
    for (const [i, wave] of waves.entries()) {
      for (const name of wave.hosts) {
        const host = lookup(hosts, name);
        const path = `channels.${channel}.waves.${i}`;
        if (!host) problems.push(`${path}: ${name} is not a host`);
        else if (host.channel !== channel) problems.push(`${path}: ${name} is in channel ${host.channel}`);
        else if (placed.has(name)) problems.push(`${path}: ${name} is named twice`);
        placed.set(name, channel);
      }
    }
  }
  for (const [name, { channel }] of entriesOf(hosts)) {
    if (!lookup(channels, channel)) problems.push(`hosts.${name}.channel: ${channel} is not a channel`);
    else if (!placed.has(name)) problems.push(`hosts.${name}: in no wave of channel ${channel}`);
  }
  return problems;
}
