import type { Attack } from './attack.ts';
import { closureAttacks } from './closures.ts';
import { documentAttacks } from './documents.ts';
import { hostAttacks } from './hosts.ts';
import { networkAttacks } from './network.ts';
import { permissionAttacks } from './permissions.ts';
import { stolenKeyAttacks } from './stolen-keys.ts';

/** Every attack, by what is attacked. */
export const suite: readonly { readonly heading: string; readonly attacks: readonly Attack[] }[] = [
  { heading: 'Signed documents shown to an agent', attacks: documentAttacks },
  { heading: 'Stolen keys', attacks: stolenKeyAttacks },
  { heading: 'The order and the brakes of a rollout', attacks: permissionAttacks },
  { heading: 'What is run', attacks: closureAttacks },
  { heading: 'The control plane, by those who may speak to it', attacks: hostAttacks },
  { heading: 'Connections and clocks', attacks: networkAttacks },
];
