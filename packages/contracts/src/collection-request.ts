import { z } from 'zod';
import { ComplianceMode } from './compliance-names.ts';
import { EvidenceDocument, EvidenceTrigger } from './evidence.ts';
import { Instant } from './instant.ts';
import { ChannelName, FleetName, HostName, Sha256Hex, StorePath, TagName } from './names.ts';
import { WaiverDocument, waiversMax } from './waiver.ts';

/** Files in a collector's directory: what it is told, and its newest document with both signatures. */
export const collectionFiles = {
  context: 'context.json',
  order: 'order.json',
  evidence: 'evidence.json',
  sig: 'evidence.json.sig',
  sshsig: 'evidence.json.sshsig',
  /** For people: what a release declares is what counts. */
  publicKey: 'evidence.host.pub',
} as const;

/**
 * Beside them, where a drill put something false in the place of the newest document: its SHA-256 in hexadecimal, and in the same
 * folder, by the names above, what lay there before. The next collection puts that back.
 */
export const drillAside = { directory: 'drill', mark: 'drill/falsified' } as const;

/** Largest `context.json`, in bytes: as many waivers as a register may hold. */
export const collectionContextBytesMax = 20 * 1024 * 1024;

/**
 * `context.json`: what the agent verified and a collector cannot know. Written by the agent alone, for one closure; a
 * collector that finds another one running, or no context, says of `release` that nothing released it.
 */
export const CollectionContext = z.object({
  schemaVersion: z.literal(1),
  fleet: FleetName,
  host: HostName,
  closure: StorePath,
  /** As it was recomputed when the closure was fetched; null where it was not by this agent. */
  closureDigest: Sha256Hex.nullable(),
  release: EvidenceDocument.shape.release,
  /** The channel's signed policy. */
  mode: ComplianceMode,
  channel: ChannelName,
  tags: z.array(TagName).max(256),
  /** Verified, of the register that the release names. */
  waivers: z.array(WaiverDocument).max(waiversMax),
  waiverRegister: Sha256Hex.nullable(),
});
export type CollectionContext = z.infer<typeof CollectionContext>;

/** `order.json`: why the next collection happens. Removed by the collector when it begins; without one, its timer woke it. */
export const CollectionOrder = z.object({
  schemaVersion: z.literal(1),
  trigger: EvidenceTrigger,
  nonce: EvidenceDocument.shape.nonce,
  at: Instant,
});
export type CollectionOrder = z.infer<typeof CollectionOrder>;
