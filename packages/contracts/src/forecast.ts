import { z } from 'zod';
import { Instant } from './instant.ts';
import { ChannelName, HostName, RolloutId } from './names.ts';
import { RolloutStateName } from './views.ts';
import { Withheld } from './withheld.ts';

/** One wave as it is expected to go. */
export const ForecastWave = z.object({
  wave: z.int().min(0),
  hosts: z.array(HostName),
  /** Its first host begins; null where none has to switch, or none is expected to. */
  startsAt: Instant.nullable(),
  /** Its last host has converged; null where one is not expected to. */
  doneAt: Instant.nullable(),
});
export type ForecastWave = z.infer<typeof ForecastWave>;

/** What kept hosts of a rollout waiting for a while that else would have started; of a local hold with the name of its host. */
export const ForecastBlock = z.object({
  withheld: Withheld,
  from: Instant,
  /** Null: it does not end within the forecast. */
  to: Instant.nullable(),
});
export type ForecastBlock = z.infer<typeof ForecastBlock>;

export const ForecastRollout = z.object({
  rolloutId: RolloutId,
  channel: ChannelName,
  displayName: z.string(),
  /** At the end of the forecast. */
  state: RolloutStateName,
  waves: z.array(ForecastWave),
  startsAt: Instant.nullable(),
  /** Every host has converged. */
  doneAt: Instant.nullable(),
  blockedBy: z.array(ForecastBlock),
  failed: z.array(HostName),
  /** Hosts that were offline when their wave went on: to be caught up. */
  leftBehind: z.array(HostName),
  /** Hosts that have not converged at the end, and why. */
  waiting: z.array(z.object({ host: HostName, withheld: z.array(Withheld) })),
});
export type ForecastRollout = z.infer<typeof ForecastRollout>;

/** How rollouts are expected to go from `from` on, by the engine that will run them. */
export const Forecast = z.object({
  from: Instant,
  /** How far it looked: until nothing more would happen, or the end of its horizon. */
  to: Instant,
  rollouts: z.array(ForecastRollout),
});
export type Forecast = z.infer<typeof Forecast>;
