import type { CommandDefinition } from '../command-definition.ts';
import { jsonOption } from '../config/setting-options.ts';

export const complianceCollectCommand: CommandDefinition = {
  name: 'compliance collect',
  summary: 'measure this host once, and sign and keep what was found',
  description:
    'What the collector’s unit runs, as root. Runs the probes of the catalogue, judges them, signs the document with the ' +
    'host’s key and keeps it in the directory, beside what the agent left there of the release. Exit 0 says that a document ' +
    'was written, whatever it says.',
  options: [
    { flags: '--catalogue <file>', description: 'of the closure; default /etc/nixfleet/compliance.json' },
    { flags: '--directory <directory>', description: 'where evidence is kept; required' },
    { flags: '--key <file>', description: 'the host’s private key; default /etc/ssh/ssh_host_ed25519_key' },
    { flags: '--retention-days <number>', description: 'how long documents are kept; default 90' },
    { flags: '--nonce <hex>', description: 'of somebody who asks for a fresh collection' },
    { flags: '--fleet <name>', description: 'name of the fleet, where no agent says it; default local' },
    { flags: '--store <directory>', description: 'directory of a chroot store, for a host without root' },
    { flags: '--system-root <directory>', description: 'root whose run/current-system says what runs; default /' },
    jsonOption,
  ],
  json: { sentence: 'The evidence document (docs/schemas/evidence.schema.json).' },
  examples: [
    {
      line: 'nixfleet compliance collect --directory /var/lib/nixfleet-compliance',
      explains: 'once, as the unit does',
    },
  ],
  load: () => import('../handlers/compliance-collect.ts'),
};
