import type { CommandDefinition } from '../command-definition.ts';
import { verificationOptions, verificationReportSentence } from '../config/setting-options.ts';

export const verifyTrustCommand: CommandDefinition = {
  name: 'verify trust',
  summary: 'check the trust chain, offline',
  description:
    'Walks from a trust document that you trust along trust/<n>.json: each version must be signed to the root threshold ' +
    'of the one before and to its own. Prints every step with the signers and keyIds that vouch for it. Needs neither a ' +
    'control plane nor a network.',
  options: verificationOptions,
  json: { sentence: verificationReportSentence },
  examples: [
    {
      line: 'nixfleet verify trust --releases ./releases --trust trust-1.json',
      explains: 'from a document that was handed over by other means',
    },
    {
      line: 'nixfleet verify trust --releases fleet.git#releases --trust-sha256 9f86d081…',
      explains: 'from trust/1.json on a branch, its hash compared with one you know',
    },
  ],
  load: () => import('../handlers/verify-trust.ts'),
};
