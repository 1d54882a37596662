import { z } from 'zod';
import { HostPhase, HostState } from './host-state.ts';
import { Instant } from './instant.ts';
import { ChannelName, HostName, RolloutId, Sha256Hex, StorePath } from './names.ts';
import { EvidenceUpload, JournalPosition } from './wire.ts';
import { Withheld } from './withheld.ts';

/** One word for people. Only `converged` is green; a host that is not heard is never `converged`. */
export const HostHealth = z.enum(['converged', 'updating', 'waiting', 'failed', 'offline', 'unheard']);
export type HostHealth = z.infer<typeof HostHealth>;

export const HostSummary = z.object({
  name: HostName,
  channel: ChannelName,
  tags: z.array(z.string()),
  health: HostHealth,
  phase: HostPhase.nullable(),
  running: StorePath.nullable(),
  target: StorePath.nullable(),
  wave: z.int().nullable(),
  online: z.boolean(),
  lastSeenAt: Instant.nullable(),
  rebootPending: z.boolean(),
  withheld: z.array(Withheld),
});
export type HostSummary = z.infer<typeof HostSummary>;

export const RolloutStateName = z.enum(['waiting', 'active', 'converged', 'halted', 'reverted', 'superseded']);
export type RolloutStateName = z.infer<typeof RolloutStateName>;

export const RolloutSummary = z.object({
  rolloutId: RolloutId,
  channel: ChannelName,
  displayName: z.string(),
  state: RolloutStateName,
  /** The wave now open; null before the first. */
  wave: z.int().nullable(),
  waves: z.int(),
  hosts: z.int(),
  converged: z.int(),
  failed: z.int(),
  /** Hosts that were offline when their wave went on: to be caught up. */
  leftBehind: z.array(HostName),
  introducedIn: z.int(),
  withheld: z.array(Withheld),
});
export type RolloutSummary = z.infer<typeof RolloutSummary>;

/** An approved emergency release that has not expired: windows and freezes are passed while it lasts. */
export const EmergencyView = z.object({ reason: z.string(), expiresAt: Instant });
export type EmergencyView = z.infer<typeof EmergencyView>;

/** `GET /v1/fleet`. */
export const FleetView = z.object({
  fleet: z.string(),
  now: Instant,
  release: z.object({ version: z.int(), sha256: Sha256Hex, commit: z.string(), createdAt: Instant }).nullable(),
  head: z.object({ version: z.int(), signedAt: Instant, expiresAt: Instant }).nullable(),
  trustVersion: z.int(),
  rebuilding: z.object({ until: Instant, unheard: z.array(HostName) }).nullable(),
  /** Absent: none is in force. */
  emergency: EmergencyView.optional(),
  /** What keeps the control plane from being wholly ready, in sentences. */
  problems: z.array(z.string()),
  hosts: z.array(HostSummary),
  rollouts: z.array(RolloutSummary),
  /** Keys that asked and are not declared: bounded, newest first. */
  unknownKeys: z.array(
    z.object({
      fingerprint: z.string(),
      address: z.string(),
      firstSeenAt: Instant,
      lastSeenAt: Instant,
      count: z.int(),
    }),
  ),
});
export type FleetView = z.infer<typeof FleetView>;

/** `GET /v1/hosts/:name`. */
export const HostView = HostSummary.extend({
  state: HostState.nullable(),
  journal: JournalPosition.nullable(),
  agentVersion: z.string().nullable(),
});
export type HostView = z.infer<typeof HostView>;

/** `GET /v1/why/:host`. Empty `withheld` and a target that runs: nothing is withheld. */
export const WhyView = z.object({
  host: HostName,
  health: HostHealth,
  running: StorePath.nullable(),
  target: StorePath.nullable(),
  rolloutId: RolloutId.nullable(),
  emergency: EmergencyView.optional(),
  withheld: z.array(Withheld),
  /** The same, each as one sentence. */
  sentences: z.array(z.string()),
});
export type WhyView = z.infer<typeof WhyView>;

/** `GET /v1/rollouts/:id`. */
export const RolloutView = RolloutSummary.extend({
  emergency: EmergencyView.optional(),
  hostStates: z.array(
    z.object({
      name: HostName,
      wave: z.int(),
      phase: z.string(),
      converged: z.boolean(),
      /** When, as the host says, as long as nothing else has begun there since. */
      convergedAt: Instant.optional(),
      withheld: z.array(Withheld),
    }),
  ),
});
export type RolloutView = z.infer<typeof RolloutView>;

/** One entry of `GET /v1/events`: position in this control plane's log, and the event as the host signed it. */
export const EventView = z.object({
  position: z.int(),
  receivedAt: Instant,
  host: HostName,
  event: z.string(),
  signature: z.string(),
});
export type EventView = z.infer<typeof EventView>;

export const EventsView = z.object({ events: z.array(EventView), next: z.int().nullable() });
export type EventsView = z.infer<typeof EventsView>;
export const RolloutsView = z.object({ rollouts: z.array(RolloutSummary) });
export type RolloutsView = z.infer<typeof RolloutsView>;

/** `GET /v1/evidence/:host`: documents as received, oldest first. `next`: what to ask for as `after`. */
export const EvidenceView = z.object({ evidence: z.array(EvidenceUpload), next: z.string().max(128).nullable() });
export type EvidenceView = z.infer<typeof EvidenceView>;
