import type { CommandDefinition } from '../command-definition.ts';
import { jsonOption } from '../config/setting-options.ts';
import { buildOptions } from '../release-setup/options.ts';

export const releaseBuildCommand: CommandDefinition = {
  name: 'release build',
  summary: 'first step: evaluate and build, without any key',
  description:
    'Writes build-<system>.json for each system, which release assemble puts together; builders of several systems run ' +
    'this on their own machines. Exit code 1 when a host failed: the result is written all the same, and assemble ' +
    'decides with --carry-over. The source must be committed.',
  options: [
    ...buildOptions,
    { flags: '--output <directory>', description: 'where the results are written; default the current directory' },
    jsonOption,
  ],
  json: { sentence: 'An object with source, files, and hosts (as in the build results).' },
  examples: [
    {
      line: 'nixfleet release build --system x86_64-linux --push-to https://cache.example.org --output builds',
      explains: 'on the builder of one system',
    },
  ],
  load: () => import('../handlers/release-build.ts'),
};
