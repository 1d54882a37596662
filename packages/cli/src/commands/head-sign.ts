import type { CommandDefinition } from '../command-definition.ts';
import { jsonOption } from '../config/setting-options.ts';
import { headKeyOption, headOptions, targetOptions } from '../release-setup/options.ts';

export const headSignCommand: CommandDefinition = {
  name: 'head sign',
  summary: "CI's hourly job: sign a fresh head for the current release",
  description:
    'Says once more which release is current, and which holds are in force, for another day. It first verifies the ' +
    'published tree against its own floors, so it cannot be made to sign for an older one. Keep the floors between runs.',
  options: [headKeyOption, ...targetOptions, ...headOptions, jsonOption],
  json: { schema: 'head' },
  examples: [
    {
      line: 'nixfleet head sign --head-key head.pem --trust trust-1.json --releases git.example.org:fleet.git#releases',
      explains: 'every hour',
    },
  ],
  load: () => import('../handlers/head-sign.ts'),
};
