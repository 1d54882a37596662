import type { CommandDefinition } from '../command-definition.ts';
import { verificationOptions } from '../config/setting-options.ts';

export const complianceWaiverListCommand: CommandDefinition = {
  name: 'compliance waiver list',
  summary: 'the waivers of the work tree, and whether each counts',
  description: 'Verified under the newest trust. What a release goes by is the commit that it is made from.',
  options: [
    { flags: '--repository <directory>', description: 'work tree of the fleet; default .' },
    ...verificationOptions,
  ],
  json: {
    sentence:
      'An object with waivers: each document with state (not-begun, active, expiring, expired) and problem (why it does not count, or null).',
  },
  examples: [
    {
      line: 'nixfleet compliance waiver list --releases ./releases --trust trust-1.json',
      explains: 'those of the fleet here',
    },
  ],
  load: () => import('../handlers/compliance-waiver-list.ts'),
};
