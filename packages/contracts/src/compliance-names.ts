import { z } from 'zod';

/** A control's identifier, such as `access-control`. */
export const ControlId = z
  .string()
  .regex(/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/, 'expected a control identifier such as access-control')
  .max(64)
  .brand<'ControlId'>();
export type ControlId = z.infer<typeof ControlId>;

/** A rule's identifier, such as `AC-01`; unique in a catalogue. */
export const RuleId = z
  .string()
  .regex(/^[A-Z][A-Z0-9]{0,7}-[0-9]{2,3}$/, 'expected a rule identifier such as AC-01')
  .brand<'RuleId'>();
export type RuleId = z.infer<typeof RuleId>;

/** A framework, such as `nis2` or `anssi-bp028`. */
export const FrameworkName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected the name of a framework such as nis2')
  .brand<'FrameworkName'>();
export type FrameworkName = z.infer<typeof FrameworkName>;

/** A point of a framework as it prints it: `21(2)(e)`, `A.8.20`, `R33`. */
export const ArticleId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9.,()/ -]{0,63}$/, 'expected a point of a framework such as 21(2)(e)')
  .brand<'ArticleId'>();
export type ArticleId = z.infer<typeof ArticleId>;

/**
 * Framework to the points of it that something contributes evidence to. An empty list: to the framework, to no specific
 * point of it. One shape for every producer and reader.
 */
export const FrameworkArticles = z.record(FrameworkName, z.array(ArticleId).max(256));
export type FrameworkArticles = z.infer<typeof FrameworkArticles>;

/** `<vocabulary>/v<N>`: immutable once shipped. */
export const VocabularyName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}\/v[1-9][0-9]{0,3}$/, 'expected a vocabulary such as anssi-bp028/v1');

/** How severe a rule is, and from which governance level on it is active. In rising order. */
export const GovernanceLevel = z.enum(['minimal', 'standard', 'strict', 'paranoid']);
export type GovernanceLevel = z.infer<typeof GovernanceLevel>;

/** What a failure does. `auto` is resolved before anything is written, and `observe` is written `permissive`. */
export const ComplianceMode = z.enum(['disabled', 'permissive', 'enforce']);
export type ComplianceMode = z.infer<typeof ComplianceMode>;

export const ControlType = z.enum(['static', 'runtime', 'both', 'attested']);
export type ControlType = z.infer<typeof ControlType>;

export const HostType = z.enum(['server', 'workstation', 'appliance']);
export type HostType = z.infer<typeof HostType>;

/** Why a rule is not active on a host. `override`: forced off by hand, which is non-compliant. */
export const InactiveVia = z.enum(['control', 'level', 'hostType', 'architecture', 'tag', 'override']);
export type InactiveVia = z.infer<typeof InactiveVia>;

/** What was measured. */
export const ComplianceStatus = z.enum(['pass', 'fail', 'error', 'not-applicable']);
export type ComplianceStatus = z.infer<typeof ComplianceStatus>;

/**
 * Why a rule is `not-applicable`. `static-only`: it has no probe, so a host can say nothing of it. `not-static`: it has
 * no static projection. `attested`: a person states it. `unmeasured`: nothing measures it, and the catalogue says why. `inactive`: see `via`. `disabled`: the mode said not to look.
 * `environment`: the probe ran and found nothing that the rule could be about, such as EFI variables in a container.
 */
export const NotApplicableReason = z.enum([
  'static-only',
  'not-static',
  'attested',
  'unmeasured',
  'inactive',
  'disabled',
  'environment',
]);
export type NotApplicableReason = z.infer<typeof NotApplicableReason>;

/** What follows from a measurement. `none`: nothing was measured, so nothing was decided. A waiver changes this alone. */
export const ComplianceDecision = z.enum(['pass', 'fail', 'waived', 'none']);
export type ComplianceDecision = z.infer<typeof ComplianceDecision>;

/** A waiver's identifier, `W-<year>-<number>`. */
export const WaiverId = z
  .string()
  .regex(/^W-[0-9]{4}-[0-9]{4}$/, 'expected a waiver identifier such as W-2026-0001')
  .brand<'WaiverId'>();
export type WaiverId = z.infer<typeof WaiverId>;

/** The control that fails on purpose: what a drill is made with. */
export const syntheticControl = {
  controlId: ControlId.parse('synthetic-always-fail'),
  ruleId: RuleId.parse('SY-01'),
} as const;

/** Controls that no waiver can cover: they are what shows that the others can be believed. */
export const unwaivableControls: ReadonlySet<string> = new Set(['evidence-integrity', syntheticControl.controlId]);

/** Most controls of a catalogue, and most rules of a control. */
export const controlsMax = 256;
export const rulesMax = 128;

/** Why a collection could not be judged. Under `enforce` each of them is as bad as a failure. */
export const RuntimeGateErrorReason = z.enum([
  /** The closure has no collector, or no catalogue that can be read. */
  'no-collector',
  'timeout',
  'collector-failed',
  /** It ended and left no evidence, or none that can be read. */
  'malformed',
  'unverified',
  'stale',
  'wrong-closure',
  'wrong-boot',
  'chain-broken',
  /** A control of the catalogue is missing, or its rules are not answered as the catalogue asks. */
  'incomplete',
]);
export type RuntimeGateErrorReason = z.infer<typeof RuntimeGateErrorReason>;
