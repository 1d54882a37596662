import type { CommandDefinition } from '../command-definition.ts';
import { verificationOptions } from '../config/setting-options.ts';

export const complianceDiffCommand: CommandDefinition = {
  name: 'compliance diff',
  summary: 'compare the static reports of two releases',
  description:
    'Each rule that came to something else, host by host. Both releases are verified under the trust ' +
    'version that they name.',
  arguments: [
    { name: 'from', description: 'version of a release' },
    { name: 'to', description: 'version of another' },
  ],
  options: [...verificationOptions],
  json: { sentence: 'An object with from, to and changes (host, ruleId, before, after).' },
  examples: [
    {
      line: 'nixfleet compliance diff 41 42 --releases ./releases --trust trust-1.json',
      explains: 'what release 42 changed',
    },
  ],
  load: () => import('../handlers/compliance-diff.ts'),
};
