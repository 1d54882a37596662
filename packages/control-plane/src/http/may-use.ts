import type { Identity } from '@nixfleet/contracts';
import { isLoopback } from './address.ts';
import type { Peer } from './message.ts';
import type { Audience } from './routes.ts';

/** Whether somebody, or nobody, may use a route. */
export function mayUse(audience: Audience, identity: Identity | null, peer: Peer): boolean {
  switch (audience) {
    case 'host':
      return identity?.kind === 'host';
    case 'operator':
      return identity?.kind === 'operator';
    case 'host-or-operator':
      return identity !== null;
    case 'operational':
      return identity?.kind === 'operator' || isLoopback(peer.address);
    case 'anyone':
      return true;
  }
}
