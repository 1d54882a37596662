import { z } from 'zod';
import { ControlId, RuleId, WaiverId } from './compliance-names.ts';
import { envelope } from './document.ts';
import { Instant } from './instant.ts';
import { ChannelName, HostName, Sha256Hex, SignerName, TagName } from './names.ts';

/** Longest life of a waiver, in seconds, and of one for a rule of severity `minimal`. */
export const waiverSecondsMax = 365 * 24 * 3600;
export const minimalWaiverSecondsMax = 90 * 24 * 3600;

/** Most waivers of a register, expired ones included. */
export const waiversMax = 1000;

/** Hosts by name, by tag, or those of one channel: exactly one of these, never all. */
export const WaiverScope = z.union([
  z.strictObject({ hosts: z.array(HostName).min(1).max(1000) }),
  z.strictObject({ tags: z.array(TagName).min(1).max(64) }),
  z.strictObject({ channel: ChannelName }),
]);
export type WaiverScope = z.infer<typeof WaiverScope>;

/**
 * A risk that was accepted, for a time: `compliance/waivers/<id>.json` in the fleet's repository, with the approver's
 * SSHSIG beside it (`<file>.<keyId>.sshsig`, namespace `waiver@<fleet>`). It changes a decision, never a measurement.
 */
export const WaiverDocument = z.object({
  ...envelope('waiver'),
  id: WaiverId,
  controlId: ControlId,
  ruleId: RuleId,
  scope: WaiverScope,
  justification: z.string().min(40).max(4000),
  /** Who answers for the risk: a person, by any name. */
  owner: z.string().min(1).max(128),
  /** A signer of the trust's approver role, and another person than `owner`. */
  approver: SignerName,
  createdAt: Instant,
  /** Exclusive. At most 365 days after `createdAt`, 90 for a rule of severity `minimal`. */
  expiresAt: Instant,
  reviewAt: Instant,
  risk: z.enum(['low', 'medium', 'high']),
  /** What stands in for the rule; required for a high risk. */
  compensating: z.array(z.string().min(1).max(1000)).max(16),
  ticket: z.string().min(1).max(256).nullable(),
});
export type WaiverDocument = z.infer<typeof WaiverDocument>;

/**
 * `reports/<sha256>.json`: the waivers of one commit with their signatures, as received, so that agents, control planes and
 * auditors get them in one document that the release binds by hash. What is in it is verified by whoever uses it.
 */
export const WaiverRegister = z.object({
  ...envelope('waiver-register'),
  /** Sorted by identifier. */
  waivers: z
    .array(
      z.object({
        /** The canonical text that is signed. */
        waiver: z.string().min(2).max(16_384),
        /** keyId to armoured SSHSIG. */
        sshSignatures: z.record(Sha256Hex, z.string().min(1).max(4096)),
      }),
    )
    .max(waiversMax),
});
export type WaiverRegister = z.infer<typeof WaiverRegister>;
