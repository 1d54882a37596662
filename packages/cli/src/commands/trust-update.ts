import type { CommandDefinition } from '../command-definition.ts';
import { jsonOption } from '../config/setting-options.ts';
import { proposalSentence, rootKeyOption, targetOptions } from '../release-setup/options.ts';
import { trustOptions } from '../release-setup/trust-options.ts';

export const trustUpdateCommand: CommandDefinition = {
  name: 'trust update',
  summary: 'sign the next trust document: rotate, add or revoke keys',
  description:
    'Changes what is named and keeps the rest. Signed to the root thresholds of the current version and of the new one; ' +
    'while signatures are missing it waits where no agent looks, and trust sign adds to it. A signer named again gets ' +
    'exactly the keys that are given.',
  options: [...targetOptions, ...trustOptions.update, rootKeyOption, jsonOption],
  json: { sentence: proposalSentence },
  examples: [
    {
      line: 'nixfleet trust update --signer ci=ci-2.pub --root-key root.pem --trust trust-1.json --releases ./releases',
      explains: "replace CI's release key",
    },
    {
      line: 'nixfleet trust update --role release=2:ci,alice --root-key root.pem --trust trust-1.json --releases ./releases',
      explains: 'demand two signers for releases',
    },
  ],
  load: () => import('../handlers/trust-update.ts'),
};
