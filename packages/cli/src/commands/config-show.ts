import type { CommandDefinition } from '../command-definition.ts';
import { connectionOptions, fleetOption, jsonOption, releasesOption } from '../config/setting-options.ts';

export const configShowCommand: CommandDefinition = {
  name: 'config show',
  summary: 'show the settings and where each comes from',
  description:
    'Options win over environment variables, and those over the file $NIXFLEET_CONFIG, by default ' +
    '$XDG_CONFIG_HOME/nixfleet/config.json. Nothing in the settings is secret: keys are named by their path.',
  options: [jsonOption, fleetOption, releasesOption, ...connectionOptions],
  json: {
    sentence: 'An object with file (path, isThere), settings, and origins (setting to option, environment or file).',
  },
  examples: [
    { line: 'nixfleet config show', explains: 'the settings in force' },
    { line: 'nixfleet config show --json', explains: 'the same as {file, settings, origins}' },
  ],
  load: () => import('../handlers/config-show.ts'),
};
