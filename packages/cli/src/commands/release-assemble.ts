import type { CommandDefinition } from '../command-definition.ts';
import { jsonOption } from '../config/setting-options.ts';
import {
  assembleOptions,
  cacheOption,
  ciReportOption,
  emergencyOptions,
  headOptions,
  releaseSentence,
  targetOptions,
} from '../release-setup/options.ts';

export const releaseAssembleCommand: CommandDefinition = {
  name: 'release assemble',
  summary: 'second step: put builds together and compare with the last release',
  description:
    'Checks that the cache has every path of every closure under the declared keys, and writes the unsigned release to ' +
    'a new folder. A channel in which nothing changed keeps its rollout. Needs no key.',
  options: [
    { flags: '--build <file>', description: 'what release build wrote; one for each system', isRepeatable: true },
    { flags: '--output <directory>', description: 'new folder for the release; default ./release' },
    cacheOption,
    ...assembleOptions,
    ...emergencyOptions,
    ...targetOptions,
    ...headOptions.filter(({ flags }) => flags.startsWith('--floors')),
    ciReportOption,
    jsonOption,
  ],
  json: { sentence: releaseSentence },
  examples: [
    {
      line: 'nixfleet release assemble --build builds/build-x86_64-linux.json --cache https://cache.example.org --trust trust-1.json --releases ./releases',
      explains: 'from the builds of one system',
    },
  ],
  load: () => import('../handlers/release-assemble.ts'),
};
