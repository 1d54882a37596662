import type { CommandDefinition } from '../command-definition.ts';
import { verificationOptions, verificationReportSentence } from '../config/setting-options.ts';

export const verifyRolloutCommand: CommandDefinition = {
  name: 'verify rollout',
  summary: 'check one rollout and print what each host is to run, offline',
  description:
    'The chain of verify release down to one manifest, then each host with wave, attempt, closure and closure digest.',
  arguments: [{ name: 'rollout', description: 'channel (its current rollout), or start of a rollout ID' }],
  options: verificationOptions,
  json: { sentence: `${verificationReportSentence} When all of it holds, manifest as well.` },
  examples: [
    {
      line: 'nixfleet verify rollout stable --releases ./releases --trust trust-1.json',
      explains: "a channel's rollout",
    },
    {
      line: 'nixfleet verify rollout 3f2a --releases ./releases --trust trust-1.json --json',
      explains: 'with the whole manifest',
    },
  ],
  load: () => import('../handlers/verify-rollout.ts'),
};
