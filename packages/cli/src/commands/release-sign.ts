import type { CommandDefinition } from '../command-definition.ts';
import { jsonOption } from '../config/setting-options.ts';
import { headKeyOption, headOptions, releaseKeyOption, targetOptions } from '../release-setup/options.ts';

export const releaseSignCommand: CommandDefinition = {
  name: 'release sign',
  summary: 'third step: add release signatures',
  description:
    'To the folder that release assemble wrote, or to a release that waits at the place of publication because it had ' +
    'too few signatures. The latter is published as soon as it has enough, which then needs a head key as well.',
  arguments: [{ name: 'directory', description: 'folder that release assemble wrote', isOptional: true }],
  options: [
    { flags: '--pending <sha256>', description: 'the release that waits, by its hash' },
    releaseKeyOption,
    headKeyOption,
    ...targetOptions,
    ...headOptions,
    jsonOption,
  ],
  json: {
    sentence: 'An object with sha256 and missing (null once enough have signed), and version or kind and revision.',
  },
  examples: [
    {
      line: 'nixfleet release sign release --release-key ci.pem --trust trust-1.json --releases ./releases',
      explains: 'a release that was assembled here',
    },
  ],
  load: () => import('../handlers/release-sign.ts'),
};
