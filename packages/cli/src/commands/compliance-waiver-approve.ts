import type { CommandDefinition } from '../command-definition.ts';
import { verificationOptions } from '../config/setting-options.ts';
import { approverKeyOption } from '../release-setup/options.ts';

export const complianceWaiverApproveCommand: CommandDefinition = {
  name: 'compliance waiver approve',
  summary: 'sign a waiver as an approver',
  description:
    'Writes the signature beside the waiver in the work tree; commit both. It counts once the approver that it names has ' +
    'signed it, and as many approvers as trust demands. With --releases and --trust a key that could not make it count is refused.',
  arguments: [{ name: 'id', description: 'identifier of the waiver' }],
  options: [
    approverKeyOption,
    { flags: '--repository <directory>', description: 'work tree of the fleet; default .' },
    ...verificationOptions,
  ],
  json: { sentence: 'An object with id and written (paths).' },
  examples: [
    {
      line: 'nixfleet compliance waiver approve W-2026-0001 --approver-key ~/.ssh/id_ed25519',
      explains: 'with an SSH key',
    },
  ],
  load: () => import('../handlers/compliance-waiver-approve.ts'),
};
