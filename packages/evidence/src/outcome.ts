import type { Refusal, Verified } from '@nixfleet/contracts';

/**
 * What verifying evidence can come to beside `verified`. Closed: callers switch on it.
 * - `unsigned`: a signature is missing; `no-declared-key`: no release declares a key of this host for that time;
 * - `key-mismatch`: signed by another key than the declared ones; `bad-signature`: not a signature of these bytes;
 * - `malformed`: not canonical, not of this fleet, host or shape, or at odds with itself or with what was to be measured;
 * - `stale`: too old for the question, or for what it follows; `replayed`: seen before, or another document in its place;
 * - `chain-gap`: something between it and the one before is missing or was exchanged;
 * - `closure-mismatch`: about another closure than the one released to the host; `release-unverified`: no verified release
 *   says what was released to the host;
 * - `waiver-invalid`: rests on a waiver that did not count for it then.
 */
export type EvidenceRefusalCode =
  | 'unsigned'
  | 'no-declared-key'
  | 'key-mismatch'
  | 'bad-signature'
  | 'malformed'
  | 'stale'
  | 'replayed'
  | 'chain-gap'
  | 'closure-mismatch'
  | 'release-unverified'
  | 'waiver-invalid';

export type EvidenceRefusal = Refusal<EvidenceRefusalCode>;
export type EvidenceOutcome<Value> = Verified<Value, EvidenceRefusalCode>;
