// What one enrolled host, or somebody who is none, can do to the control plane: nothing to anybody else.
import { hostAttacks } from './hosts.ts';
import { runAttacks } from './run-attacks.ts';

await runAttacks(hostAttacks);
