import type { CommandDefinition } from '../command-definition.ts';
import { jsonOption } from '../config/setting-options.ts';
import { approverKeyOption, headKeyOption, headOptions, targetOptions } from '../release-setup/options.ts';

export const releaseApproveCommand: CommandDefinition = {
  name: 'release approve',
  summary: 'approve an emergency release that waits, by its hash',
  description:
    'What it is (commit, channels, reason, end) is printed before a key is asked; the hash is told by whoever made it, by ' +
    'other means. With the last approval and a head key here it is published at once; else whoever has one publishes it ' +
    'with nixfleet release sign --pending <sha256> --head-key.',
  arguments: [{ name: 'sha256', description: 'the release that waits in pending/' }],
  options: [approverKeyOption, headKeyOption, ...targetOptions, ...headOptions, jsonOption],
  json: { sentence: 'An object with kind (published or pending), sha256, revision and missing.' },
  examples: [
    {
      line: 'nixfleet release approve 3f2a… --approver-key ~/.ssh/id_ed25519_sk',
      explains: 'with a FIDO key; the releases and the trust document come from the settings',
    },
  ],
  load: () => import('../handlers/release-approve.ts'),
};
