import type { CommandDefinition } from '../command-definition.ts';
import { jsonOption } from '../config/setting-options.ts';
import { proposalSentence, rootKeyOption, targetOptions } from '../release-setup/options.ts';

export const trustSignCommand: CommandDefinition = {
  name: 'trust sign',
  summary: 'add a root signature to a trust document that waits for it',
  description:
    'Whoever can write to the place of publication chooses what waits there, so the document is named by its hash, as its ' +
    'author told it by other means; without --sha256 it is only shown what it would change. Published as soon as enough ' +
    'have signed. For a fleet that is just beginning, --trust is the file that trust init ' +
    '--output wrote, handed over by whoever began it.',
  options: [
    { flags: '--sha256 <hash>', description: 'the document to sign, by its hash' },
    ...targetOptions,
    rootKeyOption,
    jsonOption,
  ],
  json: { sentence: proposalSentence },
  examples: [
    {
      line: 'nixfleet trust sign --sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --root-key bob.pem --trust trust-1.json --releases ./releases',
      explains: "bob's signature",
    },
  ],
  load: () => import('../handlers/trust-sign.ts'),
};
