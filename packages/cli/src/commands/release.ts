import type { CommandDefinition } from '../command-definition.ts';
import { jsonOption } from '../config/setting-options.ts';
import {
  approverKeyOption,
  assembleOptions,
  buildOptions,
  cacheOption,
  ciReportOption,
  emergencyOptions,
  headKeyOption,
  headOptions,
  releaseKeyOption,
  releaseSentence,
  rollbackOption,
  targetOptions,
} from '../release-setup/options.ts';

export const releaseCommand: CommandDefinition = {
  name: 'release',
  summary: 'evaluate, build, push, sign and publish in one go',
  description:
    'The four steps build, assemble, sign and publish on one machine. Nothing at the place of publication changes before ' +
    'the last step, which is one compare-and-swap: killed at any moment, everything is as it was. Progress goes to ' +
    'standard error, the table of what changes to standard output. A source commit that does not descend from the last ' +
    'released one is refused.',
  options: [
    ...buildOptions,
    cacheOption,
    ...assembleOptions,
    ...emergencyOptions,
    releaseKeyOption,
    headKeyOption,
    approverKeyOption,
    ...targetOptions,
    ...headOptions,
    rollbackOption,
    ciReportOption,
    { flags: '--dry-run', description: 'evaluate, build and compare; push, sign and publish nothing' },
    jsonOption,
  ],
  json: { sentence: releaseSentence },
  examples: [
    {
      line: 'nixfleet release --trust trust-1.json --releases git.example.org:fleet.git#releases --push-to https://cache.example.org --release-key ci.pem --head-key head.pem',
      explains: 'what CI runs on every push',
    },
    {
      line: 'nixfleet release --dry-run --trust trust-1.json --releases ./releases',
      explains: 'what a release of the work tree would change',
    },
    {
      line: 'nixfleet release --emergency --reason CVE-2026-1234 --expires 4h --trust trust-1.json --releases git.example.org:fleet.git#releases --push-to https://cache.example.org --release-key ci.pem --head-key head.pem',
      explains: 'past windows and freezes: waits in pending/ until approvers sign it with nixfleet release approve',
    },
    {
      line: "nixfleet release --trust trust-1.json --releases ./releases --push-to https://cache.example.org --release-key 'hook:ci.pub:sign-with-the-hsm' --head-key head.pem",
      explains: 'the release key in an HSM: the hook reads $NIXFLEET_INPUT and fills $NIXFLEET_OUTPUT',
    },
  ],
  load: () => import('../handlers/release.ts'),
};
