// What a stolen control plane, with whatever keys, can show an agent as signed documents.
import { documentAttacks } from './documents.ts';
import { runAttacks } from './run-attacks.ts';

await runAttacks(documentAttacks);
