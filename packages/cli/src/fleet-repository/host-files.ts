import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChannelName, HostName, SystemName, TagName } from '@nixfleet/contracts';
import { findNixHalf } from '../nix-half.ts';

export interface NewHost {
  readonly name: HostName;
  readonly system: SystemName;
  readonly channel: ChannelName;
  readonly tags: readonly TagName[];
  /** OpenSSH public lines. */
  readonly pubkeys: readonly string[];
}

/** The two files of a host, by their path in the repository. Every value is a checked name or key: none needs escaping. */
export async function hostFiles({
  name,
  system,
  channel,
  tags,
  pubkeys,
}: NewHost): Promise<ReadonlyMap<string, string>> {
  const declaration = [
    `# ${name}: what the fleet knows of it.`,
    '{',
    `  system = "${system}";`,
    `  channel = "${channel}";`,
    `  tags = [ ${tags.map((tag) => `"${tag}" `).join('')}];`,
    '  # The line of /etc/ssh/ssh_host_ed25519_key.pub on the host.',
    '  pubkeys = [',
    ...pubkeys.map((pubkey) => `    "${pubkey}"`),
    '  ];',
    '}',
    '',
  ].join('\n');
  const configuration = await readFile(join(findNixHalf(), 'templates', 'host', 'configuration.nix'), 'utf8');
  return new Map([
    [`hosts/${name}/default.nix`, declaration],
    [`hosts/${name}/configuration.nix`, configuration],
  ]);
}
