import type { CommandDefinition } from '../command-definition.ts';
import { jsonOption } from '../config/setting-options.ts';

export const complianceCheckCommand: CommandDefinition = {
  name: 'compliance check',
  summary: 'what this host last measured of itself, or measures now',
  description:
    'Reads the newest evidence that the collector of this host kept: a line a control, its age, and whether this host’s own ' +
    'key signed it; whether that is the key that the fleet declares, a release says and not the host. With --live, as root, ' +
    'the probes run now; nothing is signed or kept. Exit 0: verified and fresh; 1: not verified, or older than 7200 seconds; ' +
    '3, with --require-compliant: an unwaived failure is in it.',
  options: [
    { flags: '--live', description: 'measure now, and sign nothing' },
    { flags: '--directory <directory>', description: 'where evidence is kept; default /var/lib/nixfleet-compliance' },
    { flags: '--key <file>', description: 'this host’s public key; default /etc/ssh/ssh_host_ed25519_key.pub' },
    { flags: '--require-compliant', description: 'exit 3 if an unwaived failure is in it' },
    { flags: '--catalogue <file>', description: 'with --live: of the closure; default /etc/nixfleet/compliance.json' },
    { flags: '--store <directory>', description: 'with --live: directory of a chroot store, for a host without root' },
    {
      flags: '--system-root <directory>',
      description: 'with --live: root whose run/current-system says what runs; default /',
    },
    jsonOption,
  ],
  json: {
    sentence:
      'An object with host, collectedAt, ageSeconds, isStale, signature (verified, none with --live, or why it is not), detail, sequence, releaseId, decision and controls (controlId, mode, status, decision, failing, waivers); controls are empty where the signature does not verify.',
  },
  examples: [
    { line: 'nixfleet compliance check', explains: 'the newest evidence of this host' },
    { line: 'nixfleet compliance check --live --json', explains: 'measured now' },
  ],
  load: () => import('../handlers/compliance-check.ts'),
};
