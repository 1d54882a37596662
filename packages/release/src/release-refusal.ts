import type { DocumentRefusalCode, Refusal, Verified } from '@nixfleet/contracts';

/** Why a step of a release did not happen. Closed: callers switch on it, never on text. */
export type ReleaseRefusalCode =
  | DocumentRefusalCode
  // build
  | 'evaluation-failed'
  | 'fleet-invalid'
  | 'build-failed'
  | 'pinned-host'
  | 'dirty-source'
  | 'bad-lock-file'
  // push
  | 'push-failed'
  | 'not-in-cache'
  // assemble
  | 'builds-disagree'
  | 'not-built'
  | 'nothing-to-carry-over'
  | 'unknown-retry-host'
  | 'signers-not-demanded'
  | 'compliance-invalid'
  | 'compliance-failed'
  // try
  | 'nothing-to-try'
  // sign
  | 'sign-failed'
  | 'not-a-signer'
  | 'floor-lost'
  | 'too-many-holds'
  | 'hold-dropped'
  // publish
  | 'lost-race'
  | 'not-a-descendant'
  | 'publish-failed';

export type ReleaseRefusal = Refusal<ReleaseRefusalCode>;
export type ReleaseOutcome<Value> = Verified<Value, ReleaseRefusalCode>;
