import { z } from 'zod';

/** Why a received document or event was not accepted. Closed: callers switch on it, never on text. */
export const DocumentRefusalCode = z.enum([
  // bytes
  'oversized',
  'malformed',
  'too-deep',
  'unsafe-number',
  'not-canonical',
  'hash-mismatch',
  'size-mismatch',
  // envelope and shape
  'wrong-type',
  'wrong-fleet',
  'unsupported-schema',
  'unknown-requirement',
  'invalid',
  // signatures and authority
  'too-few-signers',
  'bad-signature',
  // versions and time
  'rolled-back',
  'equivocation',
  'trust-gap',
  'trust-behind',
  'wrong-version',
  'expired',
  'future-dated',
  // what the document is about
  'wrong-channel',
  'wrong-host',
  'wrong-rollout',
  'wrong-wave',
  'wrong-closure',
  'unknown-host',
  'unknown-channel',
  'superseded',
  // event chains
  'wrong-journal',
  'chain-gap',
  'chain-broken',
  // not to be had
  'missing',
]);
export type DocumentRefusalCode = z.infer<typeof DocumentRefusalCode>;

/** Why an agent does not act on intent that it received. */
export const AgentRefusalCode = z.enum([
  ...DocumentRefusalCode.options,
  'floor-lost',
  'floor-unreadable',
  'receipts-missing',
  'quarantined',
  'closure-unavailable',
  'closure-unsigned',
  'closure-digest-mismatch',
  'unsafe-nix-configuration',
  'disk-full',
  'not-a-system',
  'dead-man-not-armed',
  'activation-lock-busy',
  'reboot-refused',
  'trial-needs-reboot',
  'pre-switch-check',
]);
export type AgentRefusalCode = z.infer<typeof AgentRefusalCode>;

/** An expected outcome that is not success. `detail` is one line for people: what was expected and what came. */
export interface Refusal<Code extends string = DocumentRefusalCode> {
  readonly ok: false;
  readonly reason: Code;
  readonly detail: string;
}

export type Verified<Value, Code extends string = DocumentRefusalCode> =
  | { readonly ok: true; readonly value: Value }
  | Refusal<Code>;

export function refuse<Code extends string>(reason: Code, detail: string): Refusal<Code> {
  return { ok: false, reason, detail: detail.slice(0, 1000) };
}

export function accept<Value>(value: Value): { readonly ok: true; readonly value: Value } {
  return { ok: true, value };
}
