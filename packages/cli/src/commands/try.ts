import type { CommandDefinition } from '../command-definition.ts';
import { jsonOption } from '../config/setting-options.ts';
import {
  buildOptions,
  cacheOption,
  headKeyOption,
  headOptions,
  hintOptions,
  releaseKeyOption,
  targetOptions,
} from '../release-setup/options.ts';

export const tryCommand: CommandDefinition = {
  name: 'try',
  summary: 'let one host run another branch for a while; it goes back by itself',
  description:
    'Evaluates and builds the host at the ref, and publishes a release that differs from the last by this trial alone: ' +
    'the same source commit, the same rollouts. The host switches with the usual checks and is never confirmed: its dead ' +
    "man's switch stands until the end, so that it goes back without agent, network or control plane; a reboot ends it " +
    'too. Holds, freezes, change windows and budgets are obeyed (one that lasts longer than the trial is told), and nothing of a trial counts for the rollouts of its channel.',
  arguments: [{ name: 'host', description: 'name of the host' }],
  options: [
    {
      flags: '--ref <ref>',
      description: 'branch, tag or commit of the checkout; need not descend from what is released',
    },
    { flags: '--for <duration>', description: 'how long, from the publication on; default 1h, at most 1d' },
    { flags: '--end', description: 'end the trial of this host now, instead of beginning one' },
    ...buildOptions.filter(({ flags }) => flags !== '--system <system>'),
    cacheOption,
    releaseKeyOption,
    headKeyOption,
    ...targetOptions,
    ...headOptions,
    ...hintOptions,
    jsonOption,
  ],
  json: {
    sentence:
      'An object with kind (published or pending), version, sha256 and trial (closure, closureDigest, closureBytes, commit, expiresAt; null once ended) and withheld (what stands on the channel for longer than the trial, each with code and until, as in why --json); while pending, missing.',
  },
  examples: [
    {
      line: 'nixfleet try web-03 --ref new-kernel --for 1h --push-to https://cache.example.org --release-key ci.pem --head-key head.pem',
      explains: 'one host runs the branch for an hour; releases and trust come from the settings',
    },
    {
      line: 'nixfleet try web-03 --end --release-key ci.pem --head-key head.pem',
      explains: 'it has seen enough',
    },
  ],
  load: () => import('../handlers/try.ts'),
};
