import { z } from 'zod';
import {
  ComplianceDecision,
  ComplianceMode,
  ComplianceStatus,
  ControlId,
  ControlType,
  controlsMax,
  FrameworkArticles,
  GovernanceLevel,
  rulesMax,
  VocabularyName,
} from './compliance-names.ts';
import { envelope } from './document.ts';
import { Instant } from './instant.ts';
import { BootId, ChannelName, Commit, HostName, JournalId, RolloutId, Sha256Hex, StorePath } from './names.ts';
import { NarHash } from './nix-hash.ts';
import { ruleOutcome } from './rule-outcome.ts';

/** Text of the machine or of a probe: shown, never interpreted. */
const shortText = z.string().max(256);

/** How a probe ended. */
export const ProbeRun = z.object({
  /** `args` are in the catalogue. */
  command: z.string().min(1).max(4096),
  /** Null where it was stopped by a signal, or never started. */
  exitCode: z.int().nullable(),
  durationMs: z.int().min(0),
  /** Of what it printed, as far as it was read. */
  outputSha256: Sha256Hex,
});
export type ProbeRun = z.infer<typeof ProbeRun>;

export const EvidenceRule = z.looseObject({
  ...ruleOutcome,
  /** What was read: the probe's word for it, such as `sshd -T`. */
  source: shortText.optional(),
  /** Why it is `error` or `not-applicable`, in one line. */
  detail: z.string().max(1000).optional(),
  probe: ProbeRun.optional(),
});
export type EvidenceRule = z.infer<typeof EvidenceRule>;

export const EvidenceControl = z.looseObject({
  controlId: ControlId,
  schema: VocabularyName,
  type: ControlType,
  mode: ComplianceMode,
  /** The raw result: true exactly where `status` is `pass`. No waiver touches it. */
  passed: z.boolean(),
  status: ComplianceStatus,
  decision: ComplianceDecision,
  frameworkArticles: FrameworkArticles,
  /** Free, and never gating: what probes printed, by rule. `error` says why where the status is `error`. */
  details: z.record(z.string().max(128), z.json()),
  rules: z.array(EvidenceRule).max(rulesMax),
  /** Names of members in which texts were replaced by salted hashes: `user`, `address`. */
  redactions: z.array(z.string().max(64)).max(16),
});
export type EvidenceControl = z.infer<typeof EvidenceControl>;

export const EvidenceTrigger = z.enum(['activation', 'timer', 'manual', 'challenge', 'drill']);
export type EvidenceTrigger = z.infer<typeof EvidenceTrigger>;

export const EvidenceSummary = z.object({
  total: z.int().min(0),
  pass: z.int().min(0),
  fail: z.int().min(0),
  error: z.int().min(0),
  /** Of those that fail. */
  waived: z.int().min(0),
  /** Those of type `attested` included. */
  notApplicable: z.int().min(0),
  attested: z.int().min(0),
});
export type EvidenceSummary = z.infer<typeof EvidenceSummary>;

export const evidenceProfile = 'fleet-evidence/v1';

/**
 * `evidence.json`: what one host measured at one time, chained to what it measured before. Signed with the host's key in
 * two forms: `.sig`, base64 of raw ed25519 over the canonical bytes, and `.sshsig` in namespace `evidence@<fleet>`.
 * `schemaVersion`, `hostname`, `collectedAt` and `controls` are the core that other implementations share.
 */
export const EvidenceDocument = z.looseObject({
  ...envelope('evidence'),
  profile: z.literal(evidenceProfile),
  hostname: HostName,
  collectedAt: Instant,
  /** Random identifier of one chain: a reinstalled host starts a new one, visibly. */
  chain: JournalId,
  /** 1 for the first document of a chain. */
  sequence: z.int().min(1),
  /** SHA-256 of the bytes of the document before it; 64 zeroes for the first. */
  previousSha256: Sha256Hex,
  trigger: EvidenceTrigger,
  /** The challenger's, with trigger `challenge`. */
  nonce: z
    .string()
    .regex(/^[0-9a-f]{32,128}$/)
    .nullable(),
  bootId: BootId,
  clock: z.object({ synced: z.boolean(), source: shortText.nullable(), offsetMs: z.int().nullable() }),
  system: z.object({
    /** What the host runs: read back, not what it was told to run. */
    toplevel: StorePath,
    narHash: NarHash,
    /** As the agent recomputed it over the whole closure when it was fetched; null where it was not by this agent. */
    closureDigest: Sha256Hex.nullable(),
    bootedToplevel: StorePath.nullable(),
    generation: z.int().min(0).nullable(),
    configurationRevision: shortText.nullable(),
    kernel: shortText.nullable(),
  }),
  /** What released `toplevel` to the host, as the agent verified it; null where nothing did. */
  release: z
    .object({
      releaseId: Sha256Hex,
      rolloutId: RolloutId,
      channel: ChannelName,
      sourceCommit: Commit,
      /** Of the manifest. */
      artifactSha256: Sha256Hex,
    })
    .nullable(),
  /** SHA-256 of the bytes of `etc/nixfleet/compliance.json` in `toplevel`. */
  catalogue: z.object({ version: z.string().min(1).max(64), sha256: Sha256Hex }),
  governance: z.object({
    mode: ComplianceMode,
    level: GovernanceLevel,
    presets: z.record(z.string().min(1).max(64), z.string().max(64)),
    waiverRegister: Sha256Hex.nullable(),
  }),
  /** Sorted by identifier. */
  controls: z.array(EvidenceControl).max(controlsMax),
  summary: EvidenceSummary,
});
export type EvidenceDocument = z.infer<typeof EvidenceDocument>;

/** `previousSha256` of the first document of a chain. */
export const evidenceChainStart = '0'.repeat(64) as Sha256Hex;

/** Namespace of the `.sshsig`. */
export function evidenceNamespace(fleet: string): string {
  return `evidence@${fleet}`;
}
