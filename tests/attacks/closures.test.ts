// What a stolen cache and its key can make a host run: nothing.
import { closureAttacks } from './closures.ts';
import { runAttacks } from './run-attacks.ts';

await runAttacks(closureAttacks);
