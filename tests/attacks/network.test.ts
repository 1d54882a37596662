// What somebody on the network, or at the machine's clock, can do: nothing that a deadline or a bound does not end.
import { networkAttacks } from './network.ts';
import { runAttacks } from './run-attacks.ts';

await runAttacks(networkAttacks);
