// What a stolen control plane can permit: nothing that the signed manifest, brakes and receipts do not.
import { permissionAttacks } from './permissions.ts';
import { runAttacks } from './run-attacks.ts';

await runAttacks(permissionAttacks);
