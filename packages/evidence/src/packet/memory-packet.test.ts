import { createHash } from 'node:crypto';
import {
  addSeconds,
  type ComplianceCatalogue,
  type ComplianceMode,
  canonicalBytes,
  HostName,
  type Instant,
  type Json,
  Sha256Hex,
  type WaiverDocument,
} from '@nixfleet/contracts';
import {
  createTestFleet,
  present,
  TestEvidence,
  type TestFleet,
  testCatalogue,
  testStaticReport,
  testWaiver,
} from '@nixfleet/testkit';
import type { PacketFindings } from './findings.ts';
import { packetManifestPath, packetPaths } from './packet-manifest.ts';
import type { PacketReader } from './packet-reader.ts';
import { verifyPacket } from './verify-packet.ts';

export const web = HostName.parse('web-1');
export const db = HostName.parse('db');

/** A packet that is made in memory: what releases say of its hosts, and what they collected. */
export class MemoryPacket {
  readonly fleet: TestFleet;
  readonly from: Instant;
  readonly evidence: ReadonlyMap<HostName, TestEvidence>;
  readonly #catalogue: (host: string) => ComplianceCatalogue;
  readonly #drills = new Map<string, Uint8Array>();
  #waivers: readonly WaiverDocument[] = [];

  private constructor(fleet: TestFleet, catalogue: (host: string) => ComplianceCatalogue) {
    this.fleet = fleet;
    this.from = fleet.now;
    this.#catalogue = catalogue;
    this.evidence = new Map([web, db].map((host) => [host, new TestEvidence(fleet, host, catalogue(host))]));
  }

  static async create(catalogue: (host: string) => ComplianceCatalogue = testCatalogue): Promise<MemoryPacket> {
    return new MemoryPacket(await createTestFleet(), catalogue);
  }

  /** A release; of the hosts named here these static rules fail, or null: they have no compliance module. `waiver`: changes to the test waiver that it binds. */
  async release(
    mode: ComplianceMode,
    failing: Readonly<Record<string, readonly string[] | null>> = {},
    waiver: object | null = null,
  ): Promise<void> {
    const { fleet } = this;
    const made = waiver && (await testWaiver(fleet, waiver));
    this.#waivers = made ? [made.document] : [];
    const change: Parameters<TestFleet['publish']>[0] = (next) => {
      for (const channel of Object.values(next.channels)) {
        channel.policy.compliance = { mode, frameworks: mode === 'disabled' ? [] : ['nis2'] };
      }
      if (!made) return;
      const sshSignatures = Object.fromEntries(made.signed.sshSignatures ?? []);
      const waivers = [{ waiver: new TextDecoder().decode(made.signed.bytes), sshSignatures }];
      next.waiverRegister = { type: 'waiver-register', fleet: fleet.name, schemaVersion: 1, waivers };
    };
    const catalogueOf = this.#catalogue;
    const report = await testStaticReport(fleet, { change, catalogueOf, failing, waivers: this.#waivers });
    await fleet.publish((next) => {
      change(next);
      next.staticReport = report;
    });
  }

  /** One collection under the newest release. */
  async collect(
    host: HostName,
    mode: ComplianceMode,
    { change, ...options }: NonNullable<Parameters<TestEvidence['collect']>[0]> = {},
  ): Promise<void> {
    await this.evidence.get(host)?.collect({ ...options, change: { mode, waivers: this.#waivers, ...change } });
  }

  addDrill(id: string, bytes: Uint8Array, signatures: ReadonlyMap<string, string> = new Map()): void {
    this.#drills.set(`${packetPaths.drills}/${id}.json`, bytes);
    for (const [keyId, armored] of signatures) {
      this.#drills.set(`${packetPaths.drills}/${id}.json.${keyId}.sshsig`, new TextEncoder().encode(armored));
    }
  }

  /** What verifying it finds; `to` is exclusive, by default the fleet's time. */
  async verify({
    hosts = [web, db],
    from = this.from,
    to = this.fleet.now,
  }: {
    readonly hosts?: readonly HostName[];
    readonly from?: Instant;
    readonly to?: Instant;
  } = {}): Promise<PacketFindings> {
    const { fleet } = this;
    const files = new Map(this.#drills);
    for (const [path, bytes] of fleet.files) {
      if (/^(?:fleet|release|reports|rollouts|trust)\//.test(path)) files.set(packetPaths.release(path), bytes);
    }
    const manifest = { type: 'packet', fleet: fleet.name, schemaVersion: 1, hosts: [...hosts].sort(), from, to };
    const digests = Object.fromEntries([...files].map(([path, bytes]) => [path, digestOf(bytes)]));
    files.set(packetManifestPath, canonicalBytes({ ...manifest, files: digests } as Json));
    const { evidence } = this;
    const reader: PacketReader = {
      read: async (path) => files.get(path) ?? null,
      list: async () => [...files.keys()].sort(),
      strangers: async () => [],
      bytesOf: async (path) => files.get(path)?.length ?? null,
      digest: async (path) => digestOf(files.get(path) ?? new Uint8Array()),
      async *evidence(host) {
        const all = evidence.get(HostName.parse(host))?.collections ?? [];
        yield* all.filter(({ document: { collectedAt } }) => collectedAt >= from && collectedAt < to);
      },
    };
    const found = await verifyPacket(fleet.ctx, reader, {
      start: present(fleet.trustChain[0], 'trust').bytes,
      ports: { gitHash: async () => '', readJournal: async () => ({ problem: 'none is here' }) },
    });
    if ('unreadable' in found) throw new Error(found.unreadable.detail);
    return found;
  }

  hours(count: number): Instant {
    return addSeconds(this.from, count * 3600);
  }
}

function digestOf(bytes: Uint8Array): { readonly sha256: Sha256Hex; readonly bytes: number } {
  return { sha256: Sha256Hex.parse(createHash('sha256').update(bytes).digest('hex')), bytes: bytes.length };
}
