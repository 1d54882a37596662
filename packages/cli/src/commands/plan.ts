import type { CommandDefinition } from '../command-definition.ts';
import { connectionOptions, jsonOption } from '../config/setting-options.ts';
import { buildOptions, cacheOption, planAssembleOptions, targetOptions } from '../release-setup/options.ts';

export const planCommand: CommandDefinition = {
  name: 'plan',
  summary: 'what a release of this checkout would do, host by host, and when: before anything is signed',
  description:
    'Evaluates and builds like release --dry-run, then lets the planner and the host machines of the real engine run ' +
    'forward on a virtual clock. Where hosts stand and how long their switches take comes from a control plane, where ' +
    'one is configured and answers; else every host is taken to have converged on the last release, and switches to take ' +
    'what --journal files or stated defaults say. Where controls are declared, every static rule that would stand otherwise ' +
    'than under the last release is listed, also where the static gate refuses (exit 1). Needs no key and changes nothing.',
  options: [
    ...buildOptions,
    cacheOption,
    ...planAssembleOptions,
    {
      flags: '--what-if <case>',
      description: 'offline=<host>,… that do not answer, or fail=<host>,… whose checks fail after the switch',
      isRepeatable: true,
    },
    {
      flags: '--journal <file>',
      description: "journal file to measure past switches by, instead of a control plane's events",
      isRepeatable: true,
    },
    { flags: '--format <format>', description: 'text (default), or markdown for a comment on a pull request' },
    ...targetOptions,
    ...connectionOptions.filter(({ flags }) => !flags.startsWith('--trust')),
    jsonOption,
  ],
  json: { schema: 'plan-view' },
  examples: [
    {
      line: 'nixfleet plan --trust trust-1.json --releases git.example.org:fleet.git#releases',
      explains: 'which hosts get which closure, and when each wave starts and ends',
    },
    {
      line: 'nixfleet plan --what-if offline=web-03 --what-if fail=db-01 --trust trust-1.json --releases ./releases',
      explains: 'the same, if one host does not answer and another fails',
    },
    {
      line: 'nixfleet plan --format markdown --trust trust-1.json --releases ./releases > comment.md',
      explains: 'in CI, on a pull request',
    },
  ],
  load: () => import('../handlers/plan.ts'),
};
