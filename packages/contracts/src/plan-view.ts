import { z } from 'zod';
import { ComplianceMode, ControlId, RuleId, WaiverId } from './compliance-names.ts';
import { Forecast } from './forecast.ts';
import { Instant } from './instant.ts';
import { ChannelName, HostName, Sha256Hex, StorePath } from './names.ts';
import { Pin } from './pin.ts';
import { Source } from './source.ts';

const packageVersion = z.object({ name: z.string(), version: z.string() });

/** Packages by the names of a closure's paths; null where the two cannot be compared. */
export const PackageChanges = z.object({
  added: z.array(packageVersion),
  removed: z.array(packageVersion),
  /** One name, other versions. A rebuild that keeps name and version is not listed. */
  changed: z.array(z.object({ name: z.string(), from: z.array(z.string()), to: z.array(z.string()) })),
});
export type PackageChanges = z.infer<typeof PackageChanges>;

/** What a system brings up: names of systemd's units; and what of it only a boot puts into use. */
export const SystemChanges = z.object({
  units: z.object({ added: z.array(z.string()), removed: z.array(z.string()), changed: z.array(z.string()) }),
  /** `kernel`, `initrd`, `kernel-modules`, `kernel-params`, `systemd`: what differs and waits for a boot. */
  reboot: z.array(z.string()),
});
export type SystemChanges = z.infer<typeof SystemChanges>;

/** What follows for one rule of one host; `error`: nobody knows, which is no pass. */
export const ControlStanding = z.enum(['pass', 'fail', 'error', 'waived', 'not-applicable']);
export type ControlStanding = z.infer<typeof ControlStanding>;

/** One static rule that would stand otherwise than under the last release. Null: that release, or this one, does not have it. */
export const PlanControlChange = z.object({
  controlId: ControlId,
  ruleId: RuleId,
  mode: ComplianceMode,
  /** Of the last release, where that was another one. */
  modeBefore: ComplianceMode.optional(),
  before: ControlStanding.nullable(),
  after: ControlStanding.nullable(),
  waiverId: WaiverId.nullable(),
  optionPath: z.string().nullable(),
  /** The lines that would make it pass, where it does not. */
  fix: z.string().nullable(),
});
export type PlanControlChange = z.infer<typeof PlanControlChange>;

/** Static rules of one host: how many stand how, and which of them would stand otherwise than before. */
export const PlanControls = z.object({
  pass: z.int().min(0),
  fail: z.int().min(0),
  error: z.int().min(0),
  waived: z.int().min(0),
  changes: z.array(PlanControlChange),
});
export type PlanControls = z.infer<typeof PlanControls>;

export const PlanHost = z.object({
  host: HostName,
  /** Null for a host that is no longer in the fleet. */
  channel: ChannelName.nullable(),
  wave: z.int().min(0).nullable(),
  closure: StorePath.nullable(),
  previous: StorePath.nullable(),
  change: z.enum(['new', 'changed', 'unchanged', 'carried-over', 'removed']),
  pin: z.intersection(Pin, z.object({ isExpired: z.boolean() })).nullable(),
  /** Sums of NAR sizes. */
  closureBytes: z.int().min(0).nullable(),
  previousBytes: z.int().min(0).nullable(),
  packages: PackageChanges.nullable(),
  /** Null where one of the two systems is not on this machine, or is no NixOS. */
  system: SystemChanges.nullable(),
  /** Null where neither release measures anything here. */
  controls: PlanControls.nullable(),
});
export type PlanHost = z.infer<typeof PlanHost>;

/** What `nixfleet plan --json` prints where the static gate refuses: nothing more can be said of a release that will not be. */
export const RefusedPlanView = z.object({
  refused: z.object({ reason: z.string(), detail: z.string() }),
  /** Every host that has controls. */
  hosts: z.array(z.object({ host: HostName, controls: PlanControls })),
});
export type RefusedPlanView = z.infer<typeof RefusedPlanView>;

/** What `nixfleet plan --json` prints: what a release of this commit would do, before anything is signed. */
export const PlanView = z.object({
  fleet: z.string(),
  now: Instant,
  source: Source,
  /** False where a release would say the same as the last. The forecast is then about what that one still has to do. */
  isRelease: z.boolean(),
  version: z.int().min(1),
  previousVersion: z.int().min(1).nullable(),
  sha256: Sha256Hex.nullable(),
  warnings: z.array(z.string()),
  changedChannels: z.array(ChannelName),
  hosts: z.array(PlanHost),
  forecast: Forecast,
  /** What the forecast rests on. */
  basis: z.object({
    /** Where hosts stand: as a control plane sees them, or taken to have converged on the last release. */
    hosts: z.enum(['control-plane', 'last-release']),
    /** How long switches take. */
    durations: z.enum(['control-plane', 'journal', 'default']),
    /** Hosts whose past switches were measured. */
    measuredHosts: z.int().min(0),
  }),
  whatIf: z.object({ offline: z.array(HostName), fail: z.array(HostName) }),
});
export type PlanView = z.infer<typeof PlanView>;
