import { z } from 'zod';
import { Instant } from './instant.ts';
import { AgentRefusalCode } from './refusal.ts';

/** Why a host is not told to switch, or does not switch. Closed; one sentence for each is in the engine. */
export const WithheldCode = z.enum([
  // both sides
  'hold',
  'freeze',
  'outside-window',
  'quarantined',
  'head-expired',
  // planner
  'no-release',
  'not-in-rollout',
  'rebuilding',
  'unheard-after-rebuild',
  'halted',
  'waiting-for-rollout',
  'channel-edge',
  'wave',
  'soak',
  'compliance',
  'host-edge',
  'budget',
  'fetch-limit',
  'offline',
  'observe',
  'retry-backoff',
  'refused',
  'reboot-needed',
  'drift',
  'trial',
  'failed',
  'in-progress',
  // agent
  'local-hold',
  'clock-unsynchronised',
  'head-from-the-future',
  'control-plane-silent',
  'floor-lost',
  'no-go',
]);
export type WithheldCode = z.infer<typeof WithheldCode>;

/** One thing that stands between a host and its target. */
export const Withheld = z.object({
  code: WithheldCode,
  /** When it ends by itself; absent if it ends only by an event. */
  until: Instant.optional(),
  /** What it waits for: channels, hosts, a budget, a rollout. */
  names: z.array(z.string().max(128)).max(50).optional(),
  /** The waiting side's numbers: `have` of `need`. */
  have: z.int().min(0).optional(),
  need: z.int().min(0).optional(),
  /** A person's reason from a hold, freeze or edge; or the text of a refusal. Attacker-controlled where a host wrote it. */
  reason: z.string().max(1000).optional(),
  refusal: AgentRefusalCode.optional(),
});
export type Withheld = z.infer<typeof Withheld>;
