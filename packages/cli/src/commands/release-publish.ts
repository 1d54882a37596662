import type { CommandDefinition } from '../command-definition.ts';
import { jsonOption } from '../config/setting-options.ts';
import { headKeyOption, headOptions, rollbackOption, targetOptions } from '../release-setup/options.ts';

export const releasePublishCommand: CommandDefinition = {
  name: 'release publish',
  summary: 'last step: sign a head that names the release, and publish both',
  description:
    'Verifies the whole as an agent would, then publishes it in one compare-and-swap. With too few release signatures it ' +
    'is left in pending/, where no agent looks and the next signer finds it.',
  arguments: [{ name: 'directory', description: 'folder that release assemble wrote, signed by now' }],
  options: [
    headKeyOption,
    {
      flags: '--repository <directory>',
      description: 'clone of the source, to see what descends from what; default .',
    },
    rollbackOption,
    ...targetOptions,
    ...headOptions,
    jsonOption,
  ],
  json: { sentence: 'An object with kind (published or pending), sha256, revision and missing.' },
  examples: [
    {
      line: 'nixfleet release publish release --head-key head.pem --trust trust-1.json --releases git.example.org:fleet.git#releases',
      explains: 'to a branch',
    },
  ],
  load: () => import('../handlers/release-publish.ts'),
};
