import type { EventContent, HostState, JournalPosition } from '@nixfleet/contracts';

/** The whole state; while converged the receipt again, so that a replay from here still carries one. */
export function checkpointOf(state: HostState): EventContent[] {
  const { phase } = state;
  const checkpoint: EventContent = { kind: 'checkpoint', body: { state } };
  if (phase.name !== 'converged') return [checkpoint];
  return [checkpoint, { kind: 'converged', body: { target: phase.target, switched: false } }];
}

/** What a journal begins with whose writer still knows the one before. */
export function epochStart(
  reason: 'restored' | 'key-changed',
  {
    state,
    previous,
    agentVersion,
  }: { readonly state: HostState; readonly previous: JournalPosition; readonly agentVersion: string },
): EventContent[] {
  const { running, confirmed } = state;
  const { journal, seq } = previous;
  const started: EventContent = {
    kind: 'journal-started',
    body: { reason, previous: { journal, seq }, running, confirmed: confirmed?.closure ?? null, agentVersion },
  };
  return [started, ...checkpointOf(state)];
}
