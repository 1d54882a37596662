import type { CommandDefinition } from '../command-definition.ts';
import { verificationOptions } from '../config/setting-options.ts';

export const complianceWaiverExpiringCommand: CommandDefinition = {
  name: 'compliance waiver expiring',
  summary: 'the waivers that end soon, or have',
  description: 'A waiver that runs out stops the next release.',
  options: [
    { flags: '--within <duration>', description: 'how soon; default 30d' },
    { flags: '--repository <directory>', description: 'work tree of the fleet; default .' },
    ...verificationOptions,
  ],
  json: { sentence: 'As of waiver list.' },
  examples: [
    {
      line: 'nixfleet compliance waiver expiring --within 14d --releases ./releases --trust trust-1.json',
      explains: 'the next two weeks',
    },
  ],
  load: () => import('../handlers/compliance-waiver-expiring.ts'),
};
