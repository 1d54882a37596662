import type { CommandDefinition } from '../command-definition.ts';
import { connectionOptions, verificationOptions, verificationReportSentence } from '../config/setting-options.ts';

export const verifyJournalCommand: CommandDefinition = {
  name: 'verify journal',
  summary: "check a host's journal and print what it ran, offline",
  description:
    'Checks that every event names the hash of the one before and is signed by a key that the verified fleet declares ' +
    'for the host, then prints what the host says it ran, from when to when, and from which commit. The file holds one ' +
    'JSON object {"event": …, "signature": …} a line, as the control plane stores it and the agent keeps it. With ' +
    '--from-control-plane it is fetched first; the control plane is not trusted for what is in it, but it could leave ' +
    'out the newest events. Events signed with a key that was removed since need the release of that time: name its ' +
    'commit after # in --releases.',
  arguments: [{ name: 'file', description: 'journal of one host', isOptional: true }],
  options: [
    { flags: '--from-control-plane <host>', description: 'fetch the journal of this host instead of reading a file' },
    { flags: '--since <instant>', description: 'leave out what stopped running before' },
    { flags: '--until <instant>', description: 'leave out what started running after' },
    ...verificationOptions,
    ...connectionOptions.filter(({ flags }) => !flags.startsWith('--trust ')),
  ],
  json: {
    sentence: `${verificationReportSentence} When all of it holds, ran as well: host, from, to, running, rolloutId, commit.`,
  },
  examples: [
    {
      line: 'nixfleet verify journal web-1.jsonl --releases ./releases --trust trust-1.json',
      explains: 'everything the journal says of web-1',
    },
    {
      line: 'nixfleet verify journal web-1.jsonl --since 2026-03-01T00:00:00Z --until 2026-04-01T00:00:00Z --releases ./releases --trust trust-1.json',
      explains: 'what web-1 ran in March',
    },
    {
      line: 'nixfleet verify journal --from-control-plane web-1 --releases ./releases --trust trust-1.json',
      explains: 'fetched with your operator key first',
    },
  ],
  load: () => import('../handlers/verify-journal.ts'),
};
