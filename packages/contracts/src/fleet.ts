import { z } from 'zod';
import { FreezeRule, WindowRule, windowRulesMax } from './change-window.ts';
import { envelope, Reason } from './document.ts';
import { HealthCheck } from './health-check.ts';
import { intervalsMax } from './interval.ts';
import {
  BudgetName,
  ChannelName,
  CheckName,
  HostName,
  OperatorName,
  PolicyName,
  SystemName,
  TagName,
} from './names.ts';
import { Pin } from './pin.ts';
import { HostEdge } from './rollout-manifest.ts';
import { ChannelPolicy, CompliancePolicy, PromoteWhen } from './rollout-policy.ts';

/** One OpenSSH public key line without its comment: `ssh-ed25519 AAAA…` or `ecdsa-sha2-nistp256 AAAA…`. */
export const OpensshPublicLine = z
  .string()
  .regex(/^(?:ssh-ed25519|ecdsa-sha2-nistp256) [A-Za-z0-9+/]+={0,2}$/, 'expected an OpenSSH public key line')
  .max(512);

/** Two keys overlap while one is being rotated. */
const pubkeys = z.array(OpensshPublicLine).min(1).max(4);

export const FleetHost = z.object({
  system: SystemName,
  channel: ChannelName,
  tags: z.array(TagName).max(64),
  pubkeys,
  /** Resolved probes (host over channel over tag over fleet). What counts is the copy inside the closure. */
  healthChecks: z.record(CheckName, HealthCheck),
  /** Resolved (host over channel over tag over fleet): what is evaluated on the host. The gate is the channel's policy. */
  compliance: CompliancePolicy.optional(),
  pin: Pin.optional(),
  /** Pins of wider scopes, narrowest first, that are in force once the narrower ones have ended. */
  widerPins: z.array(Pin).min(1).max(2).optional(),
});
export type FleetHost = z.infer<typeof FleetHost>;

export const FleetWave = z.object({
  hosts: z.array(HostName).max(10_000),
  soakSeconds: z.int().min(0),
  promoteWhen: PromoteWhen,
});
export type FleetWave = z.infer<typeof FleetWave>;

export const FleetChannel = z.object({
  description: z.string().max(1000),
  rolloutPolicy: PolicyName,
  policy: ChannelPolicy,
  /** A release is refused whose trust demands fewer release signers for this channel. Readers go by trust alone. */
  signersMin: z.int().min(1).max(16).optional(),
  /** Waves of the channel's policy, resolved to the channel's hosts; every host is in exactly one. */
  waves: z.array(FleetWave).min(1),
  /** Change windows as declared; the manifest has the intervals. Null: always open. */
  windows: z.array(WindowRule).min(1).max(windowRulesMax).nullable(),
  /** As declared; the release has the intervals. */
  freezes: z.array(FreezeRule).max(intervalsMax),
});
export type FleetChannel = z.infer<typeof FleetChannel>;

export const ChannelEdge = z.object({ gated: ChannelName, gates: ChannelName, reason: Reason.optional() });
export type ChannelEdge = z.infer<typeof ChannelEdge>;

/** `fleet/<sha256>.json`: the resolved fleet. Closures are in the manifests. */
export const FleetDocument = z.object({
  ...envelope('fleet'),
  hosts: z.record(HostName, FleetHost),
  channels: z.record(ChannelName, FleetChannel),
  edges: z.array(HostEdge).max(10_000),
  channelEdges: z.array(ChannelEdge).max(256),
  disruptionBudgets: z
    .array(
      z.object({
        name: BudgetName,
        hosts: z.array(HostName).max(10_000),
        maxInFlight: z.int().min(1).optional(),
        maxInFlightPercent: z.int().min(1).max(100).optional(),
      }),
    )
    .max(256),
  /** People who may read the control plane; they can change nothing. */
  operators: z.record(OperatorName, z.object({ pubkeys })),
});
export type FleetDocument = z.infer<typeof FleetDocument>;
