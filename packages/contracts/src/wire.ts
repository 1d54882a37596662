import { z } from 'zod';
import { documentBytesMax } from './document.ts';
import { SignedEvent } from './event.ts';
import { BootId, JournalId, RolloutId, Sha256Hex, StorePath } from './names.ts';
import { Withheld } from './withheld.ts';

/** Value of `X-Nixfleet-Protocol`; a request with another is answered 426. */
export const protocolVersion = 1;
export const protocolHeader = 'x-nixfleet-protocol';

/** Largest request or reply body of the API, in bytes. Signed documents have their own bounds. */
export const bodyBytesMax = 1024 * 1024;
/** Longest hold of a check-in, in seconds (`Prefer: wait=N`, RFC 7240 §4.3). */
export const waitSecondsMax = 120;
/** Most events in one batch. */
export const batchEventsMax = 500;

const journalPosition = z.object({ journal: JournalId, seq: z.int().min(0), sha256: Sha256Hex });
/** How far a journal goes: its last event; `seq` 0 and 64 zeroes for an empty one. */
export const JournalPosition = journalPosition;
export type JournalPosition = z.infer<typeof JournalPosition>;

/**
 * As `seen.go`: whatever is decided is news, a `go` or none, and nothing is before it is. As `goId` in a reply it says that nothing
 * could be decided yet.
 */
export const undecided = Sha256Hex.parse('0'.repeat(64));

/** `POST /v1/agent/checkin`. Who asks is the TLS key, never the body. */
export const CheckinRequest = z.object({
  agentVersion: z.string().min(1).max(64),
  running: StorePath.nullable(),
  bootId: BootId,
  journal: journalPosition,
  /** While it fetches: how much of what is missing has been unpacked, in bytes. Shown, and decides nothing. */
  fetching: z.object({ done: z.int().min(0), total: z.int().min(0) }).optional(),
  /** What the agent last saw here; the reply is held while nothing differs. */
  seen: z.object({ head: Sha256Hex.nullable(), go: Sha256Hex.nullable() }),
});
export type CheckinRequest = z.infer<typeof CheckinRequest>;

/**
 * Permission to start, for one host: what it may run is in the manifest alone.
 * `receipts` are host-signed `converged` events of every earlier wave, as many as the manifest demands.
 */
export const Go = z.object({
  rolloutId: RolloutId,
  wave: z.int().min(0),
  attempt: z.int().min(1),
  /** To boot for what waits for a boot; absent: to switch. */
  reboot: z.literal(true).exactOptional(),
  receipts: z.array(SignedEvent).max(10_000),
});
export type Go = z.infer<typeof Go>;

export const CheckinReply = z.object({
  /** SHA-256 of the current `head.json`, or null while there is none. */
  head: Sha256Hex.nullable(),
  /** Newest trust version held here. */
  trustVersion: z.int().min(0),
  /** Identity of `go`: SHA-256 of its canonical form; null without one. */
  goId: Sha256Hex.nullable(),
  /** Present when `goId` is not null and differs from `seen.go`. */
  go: Go.optional(),
  /** Send the journal from this position (first missing seq). */
  replayFrom: z.object({ journal: JournalId, seq: z.int().min(1) }).optional(),
  /** Why there is no `go`: shown by `nixfleet why`, decides nothing. */
  withheld: z.array(Withheld).max(16).optional(),
});
export type CheckinReply = z.infer<typeof CheckinReply>;

/** `POST /v1/agent/events`: a contiguous piece of one journal. */
export const EventBatch = z.object({
  journal: JournalId,
  events: z.array(SignedEvent).min(1).max(batchEventsMax),
});
export type EventBatch = z.infer<typeof EventBatch>;

/** 200: everything up to here is durable. */
export const EventReceipt = z.object({ stored: journalPosition });
export type EventReceipt = z.infer<typeof EventReceipt>;

/** `POST /v1/agent/evidence`: one document with both signatures, as the collector wrote them. */
export const EvidenceUpload = z.object({
  evidence: z.string().min(2).max(documentBytesMax.evidence),
  sig: z.string().min(1).max(128),
  sshsig: z.string().min(1).max(8192),
});
export type EvidenceUpload = z.infer<typeof EvidenceUpload>;

/** 200: this document is durable. */
export const EvidenceReceipt = z.object({
  stored: z.object({ chain: JournalId, sequence: z.int().min(1), sha256: Sha256Hex }),
});
export type EvidenceReceipt = z.infer<typeof EvidenceReceipt>;

export const WireErrorCode = z.enum([
  'malformed',
  'too-large',
  'unsupported-protocol',
  'unauthenticated',
  'unknown-key',
  'not-allowed',
  'not-found',
  'not-ready',
  'rate-limited',
  'gap',
  'fork',
  'bad-event',
  'bad-evidence',
  'overloaded',
  'internal',
]);
export type WireErrorCode = z.infer<typeof WireErrorCode>;

/** Body of every error reply. */
export const WireError = z.object({
  error: WireErrorCode,
  message: z.string().max(2000),
  /** With `gap`: the position from which to send. */
  replayFrom: z.object({ journal: JournalId, seq: z.int().min(1) }).optional(),
});
export type WireError = z.infer<typeof WireError>;
