import type { HostName } from '@nixfleet/contracts';

export const secretsManagers = ['none', 'agenix', 'sops'] as const;
export type SecretsManager = (typeof secretsManagers)[number];

export interface RotationStep {
  readonly what: string;
  /** Shell commands or edits, in order. */
  readonly how: readonly string[];
  /** Why it comes before the next one. */
  readonly because: string;
}

const next = '/etc/ssh/ssh_host_ed25519_key.next';

/** Encrypting what the host needs to both keys, and later to the new one alone. */
const rekey: Readonly<
  Record<SecretsManager, (name: HostName) => { readonly both: readonly string[]; readonly newOnly: readonly string[] }>
> = {
  none: () => ({ both: [], newOnly: [] }),
  agenix: (name) => ({
    both: [`add the new public key beside the old one of ${name} in secrets.nix`, 'agenix --rekey'],
    newOnly: [`remove the old public key of ${name} from secrets.nix`, 'agenix --rekey'],
  }),
  sops: (name) => ({
    both: [
      `ssh root@${name} cat ${next}.pub | ssh-to-age`,
      `add what it printed beside the old recipient of ${name} in .sops.yaml`,
      'sops updatekeys secrets/*',
    ],
    newOnly: [`remove the old recipient of ${name} from .sops.yaml`, 'sops updatekeys secrets/*'],
  }),
};

/** The order in which nobody is locked out, and after which the old key opens nothing. */
export function rotationSteps(name: HostName, secrets: SecretsManager): readonly RotationStep[] {
  const { both, newOnly } = rekey[secrets](name);
  const follow = [`git commit -am '…' && git push`, `nixfleet host show ${name}`];
  return [
    {
      what: 'Make the new key on the host, beside the old one',
      how: [
        `ssh root@${name} "ssh-keygen -t ed25519 -N '' -C root@${name} -f ${next}"`,
        `ssh root@${name} cat ${next}.pub`,
      ],
      because: 'a private key that never leaves the machine cannot be read on the way',
    },
    {
      what: `Declare both keys${both.length === 0 ? '' : ', and encrypt secrets to both'}`,
      how: [`add the new line to pubkeys in hosts/${name}/default.nix, below the old one`, ...both, ...follow],
      because:
        'the control plane knows the new key, and the host still decrypts with the old one, before anything is exchanged',
    },
    {
      what: 'Once it has converged, put the new key in the place of the old one',
      how: [
        `ssh root@${name} 'cp -p /etc/ssh/ssh_host_ed25519_key /etc/ssh/ssh_host_ed25519_key.old && mv ${next}.pub /etc/ssh/ssh_host_ed25519_key.pub && mv ${next} /etc/ssh/ssh_host_ed25519_key && systemctl restart sshd nixfleet-agent'`,
        `nixfleet host show ${name}`,
      ],
      because:
        'the old key is kept until the host was seen with the new one; its journal begins anew, visibly, as key-changed',
    },
    {
      what: `Once it is seen with the new key, forget the old one${newOnly.length === 0 ? '' : ', in secrets too'}`,
      how: [
        `remove the old line from pubkeys in hosts/${name}/default.nix`,
        ...newOnly,
        ...follow,
        `ssh root@${name} rm /etc/ssh/ssh_host_ed25519_key.old`,
      ],
      because:
        newOnly.length === 0
          ? 'until this release the old key still speaks for the host'
          : 'until this release the old key still speaks for the host; and what was encrypted to it stays readable with it in the history of git, so if it was stolen, change those secrets themselves',
    },
  ];
}
