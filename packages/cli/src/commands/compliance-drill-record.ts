import type { CommandDefinition } from '../command-definition.ts';
import { connectionOptions, verificationOptions } from '../config/setting-options.ts';
import { approverKeyOption } from '../release-setup/options.ts';

export const complianceDrillRecordCommand: CommandDefinition = {
  name: 'compliance drill record',
  summary: 'watch a drill to its end, and write and sign its record',
  description:
    'Reads the journals of the hosts, from the control plane or from --journals, verifies every event by the keys that the ' +
    'signed fleet declares, and tells each step as it is observed. Ends when all are, when the limit has passed since the first ' +
    'host began, or at the deadline. Then writes compliance/drills/<id>.json with the signature of an approver beside it, and ' +
    'removes compliance/drill.json: commit both. Exit 0: every step was observed; 1: one was not, which the record says. A drill ' +
    'that fails statically reaches no host: it is recorded from what CI printed.',
  options: [
    approverKeyOption,
    { flags: '--journals <directory>', description: 'a folder with <host>/journal.jsonl, instead of a control plane' },
    { flags: '--at-once', description: 'record what is observed now, without waiting' },
    { flags: '--ci-log <file>', description: 'what CI printed when it refused, for a drill that fails statically' },
    { flags: '--commit <commit>', description: 'the commit that was refused; default HEAD of the work tree' },
    { flags: '--repository <directory>', description: 'work tree of the fleet; default .' },
    ...verificationOptions,
    ...connectionOptions.filter(({ flags }) => !flags.startsWith('--trust ')),
  ],
  json: { schema: 'drill' },
  examples: [
    {
      line: 'nixfleet compliance drill record --approver-key ~/.ssh/id_ed25519',
      explains: 'watches the drill of this work tree',
    },
    {
      line: 'nixfleet compliance drill record --ci-log ci.txt --approver-key ~/.ssh/id_ed25519',
      explains: 'of one that CI refused',
    },
  ],
  load: () => import('../handlers/compliance-drill-record.ts'),
};
