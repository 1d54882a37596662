import { type RolloutSummary, RolloutsView } from '@nixfleet/contracts';
import { CliError } from './cli-error.ts';
import type { CommandValues } from './command-values.ts';
import type { ControlPlaneReader } from './control-plane-reader.ts';
import { printable } from './printable.ts';

/** The one rollout that the argument `rollout` means: the start of its ID, or its display name. */
export async function findRollout(reader: ControlPlaneReader, values: CommandValues): Promise<RolloutSummary> {
  const text = values.argument('rollout');
  const { rollouts } = await reader.view(RolloutsView, '/v1/rollouts');
  const found = rollouts.filter(({ rolloutId, displayName }) => rolloutId.startsWith(text) || displayName === text);
  const [first, second] = found;
  if (first && !second) return first;
  const what = JSON.stringify(printable(text));
  if (!first) throw new CliError('failed', `no rollout starts with ${what}`, 'see nixfleet rollout list');
  const ids = found.map(({ rolloutId }) => rolloutId.slice(0, 12)).join(', ');
  throw new CliError('failed', `${found.length} rollouts start with ${what} (${ids})`, 'give more digits');
}
