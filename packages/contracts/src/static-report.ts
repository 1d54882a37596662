import { z } from 'zod';
import { Governance } from './compliance-catalogue.ts';
import {
  ComplianceDecision,
  ComplianceMode,
  ComplianceStatus,
  ControlId,
  controlsMax,
  FrameworkArticles,
  FrameworkName,
  RuleId,
  rulesMax,
  WaiverId,
} from './compliance-names.ts';
import { envelope } from './document.ts';
import { ChannelName, HostName, Sha256Hex, StorePath } from './names.ts';
import { ruleOutcome } from './rule-outcome.ts';

/** Longest text that points into a configuration or says what to write there. */
const optionText = z.string().max(1024);

/**
 * What becomes of a rule once the host has a framework enabled that it has not: that framework's values for options of which
 * the host says nothing. Only frameworks under which it comes to something else.
 */
const Under = z.record(
  FrameworkName,
  z.object({ passed: z.boolean(), optionPath: optionText, fix: z.string().max(4000) }),
);

/** What evaluating one rule over a host's configuration yielded: an entry of the Nix side's `rules`. */
export const StaticObservation = z.object({
  id: RuleId,
  passed: z.boolean(),
  expected: z.json(),
  observed: z.json(),
  optionPath: optionText,
  /** The lines that would make it pass. */
  fix: z.string().max(4000),
  /** Absent where no framework changes it. */
  under: Under.optional(),
});
export type StaticObservation = z.infer<typeof StaticObservation>;

/** A mode weaker than a wider scope of the fleet asks for, and the waiver that it rests on. */
export const WeakerMode = z.object({
  /** Where the fleet says it. */
  path: optionText,
  mode: ComplianceMode,
  /** What the wider scope asks for. */
  wider: ComplianceMode,
  waiver: WaiverId,
  /** Null where it is the mode of a framework or of everything. */
  control: ControlId.nullable(),
});
export type WeakerMode = z.infer<typeof WeakerMode>;

/**
 * What the evaluation of one host says of its compliance: `compliance.<host>` of the fleet's expression, JSON. Null where
 * the host has no compliance module. `catalogue` is the very text of `etc/nixfleet/compliance.json` in its closure.
 */
export const HostCompliance = z.object({
  catalogue: z
    .string()
    .min(2)
    .max(1024 * 1024),
  /** One entry for each rule with `hasStatic`, in any order. */
  static: z.array(StaticObservation).max(controlsMax * rulesMax),
  /** Absent where nothing is weakened, or by fleets of before. */
  weakened: z
    .array(WeakerMode)
    .max(4 * controlsMax)
    .optional(),
});
export type HostCompliance = z.infer<typeof HostCompliance>;

export const StaticRuleResult = z.object({
  ...ruleOutcome,
  optionPath: optionText.optional(),
  /** Of a rule that is not active, or whose control is disabled: whether it would pass if it were not so. */
  wouldPass: z.boolean().optional(),
  /** Only where it does not pass, or would not. */
  fix: z.string().max(4000).optional(),
  /** A forecast, which decides nothing. */
  under: Under.optional(),
});
export type StaticRuleResult = z.infer<typeof StaticRuleResult>;

export const StaticControlResult = z.object({
  controlId: ControlId,
  mode: ComplianceMode,
  status: ComplianceStatus,
  decision: ComplianceDecision,
  frameworkArticles: FrameworkArticles,
  rules: z.array(StaticRuleResult).max(rulesMax),
});
export type StaticControlResult = z.infer<typeof StaticControlResult>;

export const StaticHostReport = z.object({
  channel: ChannelName,
  /** What the channel's signed policy says: a control's own mode can only be weaker. */
  mode: ComplianceMode,
  /** What the release's manifest gives the host: measurements of another configuration are none of this one. */
  closure: StorePath,
  /** Of the bytes of `etc/nixfleet/compliance.json`. Null: the host has no compliance module, so nothing was evaluated. */
  catalogue: z.object({ version: z.string().min(1).max(64), sha256: Sha256Hex, bytes: z.int().min(2) }).nullable(),
  governance: Governance.nullable(),
  /** The host keeps the closure of an earlier release, and these are that release's measurements. */
  isCarriedOver: z.boolean(),
  /** Modes that rest on a waiver, as the fleet's evaluation says them. Absent where nothing is weakened. */
  weakened: z
    .array(WeakerMode)
    .max(4 * controlsMax)
    .optional(),
  /** Sorted by identifier. */
  controls: z.array(StaticControlResult).max(controlsMax),
});
export type StaticHostReport = z.infer<typeof StaticHostReport>;

/**
 * `reports/<sha256>.json`: every static rule over every host of a release, which binds it by hash. It holds no time: the
 * release's `createdAt` is the time at which waivers were judged, so that the same inputs make the same bytes.
 */
export const StaticReport = z.object({
  ...envelope('static-report'),
  /** Waivers that it rests on: the register's hash; null where there was none. */
  waiverRegister: Sha256Hex.nullable(),
  hosts: z.record(HostName, StaticHostReport),
  /** Counts of rules that are active, over all hosts. `blocking`: failures that stop a release. */
  summary: z.object({
    hosts: z.int().min(0),
    pass: z.int().min(0),
    fail: z.int().min(0),
    error: z.int().min(0),
    waived: z.int().min(0),
    blocking: z.int().min(0),
  }),
});
export type StaticReport = z.infer<typeof StaticReport>;
