import {
  addSeconds,
  BootId,
  CatalogueRule,
  ComplianceCatalogue,
  canonicalBytes,
  type EvidenceDocument,
  evidenceChainStart,
  type HostName,
  type Instant,
  JournalId,
  type Json,
  NarHash,
  type Sha256Hex,
  type SignedBytes,
  sha256Hex,
  utf8,
  WaiverDocument,
} from '@nixfleet/contracts';
import { buildEvidence, type CollectionInput, type ProbeRunResult, rulesToRun, signEvidence } from '@nixfleet/evidence';
import { present } from './accepted.ts';
import type { TestFleet } from './test-fleet.ts';

const probeCommand = `/nix/store/${'1'.repeat(32)}-nixfleet-probe/bin/nixfleet-probe`;

/** A rule that a probe measures: it passes with output `{"violationCount": 0}`. */
export function testRule(id: string, change: object = {}): CatalogueRule {
  return CatalogueRule.parse({
    id,
    name: `Rule ${id}`,
    severity: 'standard',
    tags: [],
    hostTypes: [],
    architectures: [],
    articles: { nis2: ['21(2)(i)'] },
    remediation: 'Mend it.',
    via: null,
    hasStatic: true,
    probe: {
      command: probeCommand,
      args: [id.toLowerCase()],
      timeoutSecs: 30,
      expect: { violationCount: 0 },
      schema: 'test/v1',
      privilege: 'root',
      network: 'none',
      maxOutputBytes: 65_536,
      applicability: 'probed',
    },
    isAttested: false,
    unmeasured: null,
    ...change,
  });
}

/** A catalogue with a measured, a static-only and an attested control, unless `controls` says what it has. */
export function testCatalogue(host: string, controls?: readonly object[]): ComplianceCatalogue {
  const control = (controlId: string, type: string, rules: readonly CatalogueRule[]): object => ({
    controlId,
    title: controlId,
    purpose: 'For tests.',
    type,
    schema: 'test/v1',
    articles: { nis2: ['21(2)(i)'] },
    mode: 'enforce',
    rules,
  });
  return ComplianceCatalogue.parse({
    type: 'compliance-catalogue',
    schemaVersion: 1,
    version: '2026.11',
    host,
    system: 'x86_64-linux',
    governance: {
      mode: 'enforce',
      level: 'standard',
      hostType: 'server',
      architecture: 'x86_64',
      presets: { nis2: 'essential' },
      excludes: [],
    },
    collectIntervalSeconds: 3600,
    controls: controls ?? [
      control('access-control', 'both', [testRule('AC-01'), testRule('AC-02', { severity: 'minimal' })]),
      control('asset-inventory', 'static', [testRule('AI-01', { probe: null })]),
      control('audit-logging', 'runtime', [testRule('AL-01', { hasStatic: false })]),
      control('platform', 'attested', [testRule('PL-01', { probe: null, hasStatic: false, isAttested: true })]),
    ],
  });
}

/** The same with a synthetic control that fails as told until `until`, in seconds since 1970. */
export function drilledCatalogue(host: string, failAt: string, until: number): ComplianceCatalogue {
  const catalogue = testCatalogue(host);
  const { probe } = testRule('SY-01');
  const drill = testRule('SY-01', {
    articles: {},
    probe: { ...probe, args: ['synthetic', '--fail-at', failAt, '--until', String(until)] },
  });
  const [first] = catalogue.controls;
  const control = { ...first, controlId: 'synthetic-always-fail', type: 'both', articles: {}, rules: [drill] };
  return ComplianceCatalogue.parse({ ...catalogue, controls: [...catalogue.controls, control] });
}

/** A waiver of `AC-01` on `web-1` for thirty days, signed by alice; `change` changes the document before it is signed. */
export async function testWaiver(
  fleet: TestFleet,
  change: object = {},
  approvedBy: readonly string[] = ['alice'],
): Promise<{ readonly document: WaiverDocument; readonly signed: SignedBytes }> {
  const document = WaiverDocument.parse({
    type: 'waiver',
    fleet: fleet.name,
    schemaVersion: 1,
    id: 'W-2026-0001',
    controlId: 'access-control',
    ruleId: 'AC-01',
    scope: { hosts: ['web-1'] },
    justification: 'The appliance behind it cannot do without passwords until it is replaced.',
    owner: 'Olivia Operator',
    approver: 'alice',
    createdAt: fleet.now,
    expiresAt: addSeconds(fleet.now, 30 * 86_400),
    reviewAt: addSeconds(fleet.now, 15 * 86_400),
    risk: 'medium',
    compensating: [],
    ticket: null,
    ...change,
  });
  return { document, signed: await fleet.sign(document, [], approvedBy) };
}

/** One collection, as it lies on a host. */
export interface TestCollection {
  readonly document: EvidenceDocument;
  readonly bytes: Uint8Array;
  readonly sha256: Sha256Hex;
  readonly sig: string;
  readonly sshsig: string;
}

/** A host's evidence: really built, chained and signed. */
export class TestEvidence {
  readonly catalogue: ComplianceCatalogue;
  readonly collections: TestCollection[] = [];
  readonly #fleet: TestFleet;
  readonly #host: string;

  constructor(fleet: TestFleet, host: string, catalogue: ComplianceCatalogue = testCatalogue(host)) {
    this.#fleet = fleet;
    this.#host = host;
    this.catalogue = catalogue;
  }

  /** As the closure has it. */
  get catalogueBytes(): Uint8Array {
    return canonicalBytes(this.catalogue as unknown as Json);
  }

  /** Collects on the newest release of the fleet; the rules of `failing` fail, those of `broken` end with an error. */
  async collect({
    at = this.#fleet.now,
    failing = [],
    broken = [],
    change = {},
    signedBy = `host:${this.#host}`,
  }: {
    readonly at?: Instant;
    readonly failing?: readonly string[];
    readonly broken?: readonly string[];
    readonly change?: Partial<Omit<CollectionInput, 'facts'>> & { readonly facts?: object };
    readonly signedBy?: string;
  } = {}): Promise<TestCollection> {
    const { crypto } = this.#fleet.ctx;
    const mode = 'enforce' as const;
    const runs = new Map<string, ProbeRunResult>();
    for (const { id } of rulesToRun(this.catalogue, mode)) {
      const stdout = utf8(JSON.stringify({ violationCount: failing.includes(id) ? 1 : 0 }));
      runs.set(id, { exitCode: broken.includes(id) ? 1 : 0, durationMs: 5, stdout });
    }
    const { facts, ...rest } = change;
    const built = await buildEvidence(crypto, {
      facts: { ...(await this.#facts(at)), ...facts },
      catalogue: this.catalogue,
      catalogueSha256: await sha256Hex(crypto, this.catalogueBytes),
      runs,
      mode,
      channel: present(this.#fleet.intent.hosts[this.#host], `host ${this.#host}`).channel as never,
      tags: present(this.#fleet.intent.hosts[this.#host], `host ${this.#host}`).tags as never,
      waivers: [],
      waiverRegister: this.#fleet.current.document.waiverRegister?.sha256 ?? null,
      redactionSalt: utf8(`salt of ${this.#host}`),
      ...rest,
    });
    const collection = { ...built, ...(await this.signed(built.bytes, signedBy)) };
    this.collections.push(collection);
    return collection;
  }

  /** Any bytes, signed in both forms by the key of this label. */
  async signed(bytes: Uint8Array, label = `host:${this.#host}`): Promise<{ sig: string; sshsig: string }> {
    const signer = await this.#fleet.keyOf(label);
    return signEvidence(this.#fleet.ctx.crypto, { signer, bytes, fleet: this.#fleet.name });
  }

  async #facts(collectedAt: Instant): Promise<CollectionInput['facts']> {
    const fleet = this.#fleet;
    const { document, release } = fleet.current;
    const target = await fleet.target(this.#host);
    const last = this.collections.at(-1);
    const chain = present(JournalId.parse((await fleet.hostKey(this.#host)).keyId.slice(0, 32)), 'a chain');
    return {
      fleet: fleet.name,
      hostname: this.#host as HostName,
      collectedAt,
      chain,
      sequence: (last?.document.sequence ?? 0) + 1,
      previousSha256: last?.sha256 ?? evidenceChainStart,
      trigger: last ? 'timer' : 'activation',
      nonce: null,
      bootId: BootId.parse('boot-1'),
      clock: { synced: true, source: 'test', offsetMs: 0 },
      system: {
        toplevel: target.closure,
        narHash: NarHash.parse(`sha256:${'0'.repeat(52)}`),
        closureDigest: target.closureDigest,
        bootedToplevel: target.closure,
        generation: 1,
        configurationRevision: null,
        kernel: '6.12.1',
      },
      release: {
        releaseId: await sha256Hex(fleet.ctx.crypto, release.bytes),
        rolloutId: target.rolloutId,
        channel: target.channel,
        sourceCommit: document.source.commit,
        artifactSha256: target.rolloutId as string as Sha256Hex,
      },
    };
  }
}
