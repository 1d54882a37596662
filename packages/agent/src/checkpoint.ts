import type { EventContent, HostState } from '@nixfleet/contracts';

/** The whole state; while converged the receipt again, so that a replay from here still carries one. */
export function checkpointOf(state: HostState): EventContent[] {
  const { phase } = state;
  const checkpoint: EventContent = { kind: 'checkpoint', body: { state } };
  if (phase.name !== 'converged') return [checkpoint];
  return [checkpoint, { kind: 'converged', body: { target: phase.target, switched: false } }];
}
