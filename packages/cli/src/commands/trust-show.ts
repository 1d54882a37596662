import type { CommandDefinition } from '../command-definition.ts';
import { verificationOptions } from '../config/setting-options.ts';

export const trustShowCommand: CommandDefinition = {
  name: 'trust show',
  summary: 'show the newest trust document, verified from a starting point',
  description: 'Roles and their thresholds, signers and their keys, cache keys, pinned control planes.',
  options: verificationOptions,
  json: {
    sentence:
      'An object with fleet, version, sha256, signedAt, roles, channels, emergencyThreshold, signers, cacheKeys and controlPlanes.',
  },
  examples: [
    { line: 'nixfleet trust show --trust trust-1.json --releases ./releases', explains: 'who may sign what now' },
  ],
  load: () => import('../handlers/trust-show.ts'),
};
