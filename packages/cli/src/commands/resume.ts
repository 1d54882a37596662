import type { CommandDefinition } from '../command-definition.ts';
import { jsonOption } from '../config/setting-options.ts';
import { approverKeyOption, headKeyOption, headOptions, hintOptions, targetOptions } from '../release-setup/options.ts';

export const resumeCommand: CommandDefinition = {
  name: 'resume',
  summary: 'end the holds of a channel before their time',
  description:
    'Signed by as many approvers as a hold needs. Deleting a file lifts nothing: no head is signed that drops a hold which ' +
    'neither ended by itself nor was ended so. Agents go on as soon as a head says so.',
  arguments: [{ name: 'channel', description: 'name of the channel', isOptional: true }],
  options: [
    { flags: '--hold <sha256>', description: 'instead of a channel: this hold, whose file may be gone' },
    { flags: '--reason <text>', description: 'why' },
    approverKeyOption,
    headKeyOption,
    ...targetOptions,
    ...headOptions,
    ...hintOptions,
    jsonOption,
  ],
  json: {
    sentence:
      'A list of objects with sha256 (of the hold), revision, missing (null once enough signed) and headVersion.',
  },
  examples: [
    { line: 'nixfleet resume stable --approver-key ~/.ssh/id_ed25519_sk', explains: 'every hold of the channel' },
    {
      line: 'nixfleet resume --hold 3f2a…  --approver-key approver.pem --head-key head.pem',
      explains: 'one hold, and a head that says so at once',
    },
  ],
  load: () => import('../handlers/resume.ts'),
};
