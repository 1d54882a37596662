import type { CommandDefinition } from '../command-definition.ts';
import { verificationOptions } from '../config/setting-options.ts';

export const complianceDrillListCommand: CommandDefinition = {
  name: 'compliance drill list',
  summary: 'the drills of the work tree, and whether the gate is proven',
  description:
    'Signatures are verified under the newest trust. Whether the journals say the same is what nixfleet compliance packet verify ' +
    'looks at.',
  options: [
    { flags: '--steps', description: 'with each step' },
    { flags: '--repository <directory>', description: 'work tree of the fleet; default .' },
    ...verificationOptions,
  ],
  json: {
    sentence: 'An object with underWay (compliance/drill.json, or null) and drills: each record with problem, or null.',
  },
  examples: [{ line: 'nixfleet compliance drill list --steps', explains: 'those of the fleet here' }],
  load: () => import('../handlers/compliance-drill-list.ts'),
};
