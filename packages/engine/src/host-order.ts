import type { HostName, Withheld } from '@nixfleet/contracts';
import { namesMax } from './names.ts';
import { edgesInto, isEdgeOpen, type Survey } from './survey.ts';

/**
 * What of its rollout's order keeps a host from whatever a go would let it do: its wave, then its host edges. A boot and a
 * switch to the same closure again are no exceptions, since agents ask for the receipts of earlier waves with every go.
 */
export function orderGates(turn: Survey, name: HostName, wave: Withheld | null): readonly Withheld[] {
  const gates: Withheld[] = [];
  if (wave) gates.push(wave);
  const edge = hostEdge(turn, name);
  if (edge) gates.push(edge);
  return gates;
}

function hostEdge(survey: Survey, name: HostName): Withheld | null {
  const open = edgesInto(survey, name).filter(({ gates }) => !isEdgeOpen(survey, gates));
  if (open.length === 0) return null;
  const reason = open.find((edge) => edge.reason !== undefined)?.reason;
  const names = open.slice(0, namesMax).map(({ gates }) => gates);
  return { code: 'host-edge', names, ...(reason === undefined ? {} : { reason }) };
}
