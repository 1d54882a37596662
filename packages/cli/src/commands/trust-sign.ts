import type { CommandDefinition } from '../command-definition.ts';
import { jsonOption } from '../config/setting-options.ts';
import { proposalSentence, rootKeyOption, targetOptions } from '../release-setup/options.ts';

export const trustSignCommand: CommandDefinition = {
  name: 'trust sign',
  summary: 'add a root signature to a trust document that waits for it',
  description:
    'Publishes it as soon as enough have signed. For a fleet that is just beginning, --trust is the file that trust init ' +
    '--output wrote, handed over by whoever began it.',
  options: [...targetOptions, rootKeyOption, jsonOption],
  json: { sentence: proposalSentence },
  examples: [
    {
      line: 'nixfleet trust sign --root-key bob.pem --trust trust-1.json --releases ./releases',
      explains: "bob's signature",
    },
  ],
  load: () => import('../handlers/trust-sign.ts'),
};
