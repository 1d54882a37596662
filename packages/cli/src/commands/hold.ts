import type { CommandDefinition } from '../command-definition.ts';
import { jsonOption } from '../config/setting-options.ts';
import { approverKeyOption, headKeyOption, headOptions, hintOptions, targetOptions } from '../release-setup/options.ts';

export const holdCommand: CommandDefinition = {
  name: 'hold',
  summary: 'stop a channel: signed by an approver, published in seconds, without Nix',
  description:
    'Nothing new starts on the channel until the hold ends or approvers end it with nixfleet resume; what runs goes on, and ' +
    'a switch that has begun ends as it would have. Control planes obey as soon as they see it; agents as soon as a ' +
    "head names it: at once with a head key here, else with CI's next nixfleet head sign.",
  arguments: [{ name: 'channel', description: 'name of the channel', isOptional: true }],
  options: [
    { flags: '--reason <text>', description: 'why, for everybody who asks' },
    { flags: '--for <duration>', description: 'how long; default 1d, at most 90d' },
    { flags: '--until <instant>', description: 'until when (2026-06-01T08:00:00Z), instead of --for' },
    {
      flags: '--sign <sha256>',
      description: 'instead of a channel: add your approval to a hold that waits for more, by its hash',
    },
    approverKeyOption,
    headKeyOption,
    ...targetOptions,
    ...headOptions,
    ...hintOptions,
    jsonOption,
  ],
  json: {
    sentence:
      'An object with sha256, channel, reason, expiresAt, revision, missing (null once enough signed) and headVersion.',
  },
  examples: [
    {
      line: "nixfleet hold stable --reason 'incident 7' --for 4h --approver-key ~/.ssh/id_ed25519_sk",
      explains: 'with a FIDO key; the releases and the trust document come from the settings',
    },
    {
      line: "nixfleet hold stable --reason 'incident 7' --approver-key ~/.ssh/id_ed25519.pub --head-key head.pem",
      explains: 'with a key in ssh-agent, and a head that binds every agent at once',
    },
  ],
  load: () => import('../handlers/hold.ts'),
};
