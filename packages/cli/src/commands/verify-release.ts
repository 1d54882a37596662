import type { CommandDefinition } from '../command-definition.ts';
import { verificationOptions, verificationReportSentence } from '../config/setting-options.ts';

export const verifyReleaseCommand: CommandDefinition = {
  name: 'verify release',
  summary: 'check the current release from trust to manifests, offline',
  description:
    'As an agent does: trust chain, head, release, fleet, then the manifest of every rollout that the release names and ' +
    'every hold that the head names. For an earlier release, name the commit of the releases branch that published it ' +
    'and, since its head has expired by now, the instant to judge at.',
  options: verificationOptions,
  json: { sentence: verificationReportSentence },
  examples: [
    { line: 'nixfleet verify release --releases ./releases --trust trust-1.json', explains: 'the current release' },
    {
      line: 'nixfleet verify release --releases fleet.git#3f2a1bc --at 2026-03-01T12:00:00Z --trust trust-1.json',
      explains: 'what was released on the first of March',
    },
  ],
  load: () => import('../handlers/verify-release.ts'),
};
