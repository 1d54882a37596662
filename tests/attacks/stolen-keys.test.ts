// What keys that were stolen below trust's thresholds can do, or beyond what they may say.
import { runAttacks } from './run-attacks.ts';
import { stolenKeyAttacks } from './stolen-keys.ts';

await runAttacks(stolenKeyAttacks);
