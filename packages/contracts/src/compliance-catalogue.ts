import { z } from 'zod';
import {
  ComplianceMode,
  ControlId,
  ControlType,
  controlsMax,
  FrameworkArticles,
  FrameworkName,
  GovernanceLevel,
  HostType,
  InactiveVia,
  RuleId,
  rulesMax,
  VocabularyName,
} from './compliance-names.ts';
import { HostName, SystemName } from './names.ts';

/**
 * The shape that a probe's output must match, read by `evaluateExpectation` of the package evidence: a scalar or a list is
 * equality, an object is matched member by member and ignores others, and an object whose keys begin with `$` holds
 * operators, all of which must hold: `{"$ge":n}`, `{"$le":n}`, `{"$in":[…]}`, `{"$subset":[…]}`, `{"$absent":true}` (null, or not there). A member that is not there is null.
 */
export const Expectation = z.record(z.string().min(1).max(128), z.json());
export type Expectation = z.infer<typeof Expectation>;

/** Longest run of one probe, and of a whole collection, in seconds. */
export const probeSecondsMax = 120;
export const collectionSecondsMax = 120;

/** Most bytes that a probe may print. */
export const probeOutputBytesMax = 65_536;

/**
 * A program of the closure that measures one thing, reading only. It prints one JSON object, whole numbers only; exit 0
 * says that it measured. Where the object has `compliant`, that must agree with `expect`, or the rule is an error. User
 * names stand only in members called `user`, addresses of others in `address`: evidence has their salted hashes.
 */
export const ProbeDescriptor = z.object({
  /** A program inside a store path of the closure, so that the closure digest pins it. */
  command: z
    .string()
    .regex(
      /^\/nix\/store\/[0-9abcdfghijklmnpqrsvwxyz]{32}-[0-9a-zA-Z+_?=][0-9a-zA-Z+\-._?=]{0,210}(?:\/[0-9a-zA-Z+_=][0-9a-zA-Z+\-._?=]{0,254}){0,15}$/,
      'expected a program in the store',
    ),
  args: z.array(z.string().max(4096)).max(64),
  timeoutSecs: z.int().min(1).max(probeSecondsMax),
  expect: Expectation,
  /** The vocabulary of its output. */
  schema: VocabularyName,
  privilege: z.enum(['root', 'user']),
  /** Loopback only, or for the one probe that has to, beyond it. */
  network: z.enum(['none', 'egress']),
  maxOutputBytes: z.int().min(2).max(probeOutputBytesMax),
  /**
   * `probed`: the output may say `{"notApplicable": "<why>", "detail": "…"}`, as without EFI in a container. `always`: that
   * is an error, so that no probe passes by declaring itself out of place.
   */
  applicability: z.enum(['always', 'probed']),
});
export type ProbeDescriptor = z.infer<typeof ProbeDescriptor>;

export const CatalogueRule = z.object({
  id: RuleId,
  name: z.string().min(1).max(256),
  severity: GovernanceLevel,
  tags: z.array(z.string().min(1).max(64)).max(32),
  /** Empty: all. */
  hostTypes: z.array(HostType).max(3),
  /** Empty: all. */
  architectures: z.array(z.string().min(1).max(32)).max(16),
  articles: FrameworkArticles,
  /**
   * Every framework that it contributes evidence to, whether the host has it enabled or not, so that somebody can look
   * before enabling one. Absent from catalogues of before.
   */
  frameworks: z.array(FrameworkName).max(64).optional(),
  /** What to do about a failure, in a line or a few. */
  remediation: z.string().min(1).max(2000),
  /** Null where the rule is active on this host; else why it is not. */
  via: InactiveVia.nullable(),
  /** Whether it is evaluated over the configuration: the static report has a result then. */
  hasStatic: z.boolean(),
  /** Null where nothing is measured on the host. */
  probe: ProbeDescriptor.nullable(),
  /** Only a person can say it. */
  isAttested: z.boolean(),
  /** Why nothing measures it, where nothing does: it is then reported as not covered. */
  unmeasured: z.string().min(1).max(1000).nullable(),
});
export type CatalogueRule = z.infer<typeof CatalogueRule>;

export const CatalogueControl = z.object({
  controlId: ControlId,
  /** Its name under `compliance.controls` of the host's configuration. Absent from catalogues of before. */
  optionName: z
    .string()
    .regex(/^[a-z][a-zA-Z0-9]{0,62}$/, 'expected the name of an option')
    .optional(),
  title: z.string().min(1).max(256),
  purpose: z.string().min(1).max(2000),
  type: ControlType,
  schema: VocabularyName,
  /** Union of its rules'. */
  articles: FrameworkArticles,
  /** Resolved: host over channel over tag over fleet, per framework and control. */
  mode: ComplianceMode,
  rules: z.array(CatalogueRule).min(1).max(rulesMax),
});
export type CatalogueControl = z.infer<typeof CatalogueControl>;

export const Governance = z.object({
  mode: ComplianceMode,
  level: GovernanceLevel,
  hostType: HostType,
  architecture: z.string().min(1).max(32),
  /** Frameworks evaluated, with the parameter each was given: `nis2: essential`. Empty text: none. */
  presets: z.record(z.string().min(1).max(64), z.string().max(64)),
  /** Tags of rules that are not active here. */
  excludes: z.array(z.string().min(1).max(64)).max(64),
});
export type Governance = z.infer<typeof Governance>;

/**
 * `etc/nixfleet/compliance.json` inside a closure: what is measured on one host and what follows, so that the closure
 * digest signs it. Its hash is in the static report that the release binds and in every evidence document, so that
 * whoever reads evidence later knows what was asked. Controls and rules are sorted by identifier.
 */
export const ComplianceCatalogue = z.object({
  type: z.literal('compliance-catalogue'),
  schemaVersion: z.literal(1),
  /** Of the catalogue of controls, such as `2026.11`. */
  version: z.string().min(1).max(64),
  host: HostName,
  system: SystemName,
  governance: Governance,
  /** Regular collections, in seconds between two. */
  collectIntervalSeconds: z
    .int()
    .min(300)
    .max(7 * 24 * 3600),
  controls: z.array(CatalogueControl).max(controlsMax),
});
export type ComplianceCatalogue = z.infer<typeof ComplianceCatalogue>;

/** Largest catalogue of one host, in bytes. */
export const catalogueBytesMax = 1024 * 1024;
