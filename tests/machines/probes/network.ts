import { createHash, generateKeyPairSync } from 'node:crypto';
import type { ProbeCase } from './probe-case.ts';

const [served, other] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')];
const pem = (pair: typeof served): string => pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const pin = createHash('sha256')
  .update(served.publicKey.export({ type: 'spki', format: 'der' }))
  .digest('hex');

/** A certificate that signs itself, and a server with it until the machine is switched off. */
function serve(options: {
  readonly days: number;
  readonly arguments: string;
  readonly unit: string;
  readonly key: string;
}): string {
  const { days, arguments: more, unit, key } = options;
  const at = `/etc/tls/${unit}`;
  return [
    `openssl req -x509 -key ${key} -subj /CN=localhost -addext subjectAltName=DNS:localhost -days ${days} -out ${at}.crt 2> /dev/null`,
    `systemd-run --quiet --unit=${unit} openssl s_server -quiet -key ${key} -cert ${at}.crt ${more}`,
    `until ss -Hltn | grep -q ':${/-accept \S*?(\d+)( |$)/.exec(more)?.[1]} '; do sleep 0.05; done`,
  ].join('\n');
}

const nftClosed = `table inet filter {
  chain input {
    type filter hook input priority 0; policy drop;
    ct state established,related accept
    iifname "lo" accept
    tcp dport { 22, 4433 } accept
    ip saddr 10.0.0.0/8 tcp dport 9100 accept
  }
}`;
/** IPv6 is left open, and so is a port for the world. */
const nftOpen = `table ip closed {
  chain input {
    type filter hook input priority 0; policy drop;
    tcp dport { 22, 9100 } accept
  }
}
table inet late {
  chain input {
    type filter hook input priority 10; policy accept;
    tcp dport 3306 accept
  }
}`;
/** As NixOS writes it. */
const nixosFirewall = (last: string): string => `*filter
:INPUT ACCEPT [0:0]
:nixos-fw - [0:0]
:nixos-fw-accept - [0:0]
:nixos-fw-log-refuse - [0:0]
:nixos-fw-refuse - [0:0]
-A INPUT -j nixos-fw
-A nixos-fw -i lo -j nixos-fw-accept
-A nixos-fw -p tcp --dport 22 -j nixos-fw-accept
-A nixos-fw -j ${last}
-A nixos-fw-accept -j ACCEPT
-A nixos-fw-log-refuse -j nixos-fw-refuse
-A nixos-fw-refuse -j DROP
COMMIT`;
const iptables = (four: string, six: string): string => `nft flush ruleset
iptables-restore <<'END'
${four}
END
ip6tables-restore <<'END'
${six}
END`;
const flows = ['--flow', 'tcp/22', '--flow', 'tcp/4433', '--flow', 'tcp/9100', '--only', 'tcp/9100=10.0.0.0/8'];

export const networkCases: readonly ProbeCase[] = [
  {
    rules: ['NS-01', 'NS-04'],
    probe: 'firewall',
    args: flows,
    right: { script: `nft flush ruleset\nnft -f - <<'END'\n${nftClosed}\nEND` },
    wrong: { script: `nft flush ruleset\nnft -f - <<'END'\n${nftOpen}\nEND` },
    found: ['open', 'other-zone', 'undeclared-port'],
  },
  {
    rules: ['NS-01'],
    probe: 'firewall',
    args: ['--flow', 'tcp/22'],
    right: { script: iptables(nixosFirewall('nixos-fw-log-refuse'), nixosFirewall('nixos-fw-log-refuse')) },
    // What an administrator once put at the end of IPv6's.
    wrong: { script: iptables(nixosFirewall('nixos-fw-log-refuse'), nixosFirewall('nixos-fw-accept')) },
    found: ['open'],
  },
  {
    rules: ['EIT-01', 'EIT-03', 'EIT-04'],
    probe: 'tls-listener',
    args: ['--listener', '127.0.0.1:4433=localhost', '--ca', '/etc/tls/web.crt'],
    right: {
      files: { '/etc/tls/key.pem': { text: pem(served), mode: 0o600 } },
      script: serve({
        unit: 'web',
        key: '/etc/tls/key.pem',
        days: 90,
        arguments: '-accept 127.0.0.1:4433 -no_tls1 -no_tls1_1 -cipher ECDHE+AESGCM',
      }),
    },
    wrong: {
      files: { '/etc/tls/key.pem': { text: pem(other), mode: 0o600 } },
      script: [
        'openssl genrsa -out /etc/tls/rsa.pem 2048 2> /dev/null',
        serve({
          unit: 'web',
          key: '/etc/tls/rsa.pem',
          days: 3,
          arguments: '-accept 0.0.0.0:4433 -cipher AES128-SHA:@SECLEVEL=0 -tls1_1',
        }),
        // Another one, so that the chain is not trusted.
        'openssl req -x509 -key /etc/tls/key.pem -subj /CN=other -days 90 -out /etc/tls/web.crt 2> /dev/null',
      ].join('\n'),
    },
    found: ['expires', 'old-version', 'untrusted', 'weak-cipher'],
  },
  {
    rules: ['EIT-04', 'KM-05'],
    probe: 'certificates',
    args: ['--file', '/etc/tls/soon.crt'],
    right: {
      script: 'openssl req -x509 -key /etc/tls/key.pem -subj /CN=a -days 90 -out /etc/tls/soon.crt 2> /dev/null',
    },
    wrong: {
      script: 'openssl req -x509 -key /etc/tls/key.pem -subj /CN=a -days 5 -out /etc/tls/soon.crt 2> /dev/null',
    },
    found: ['expires'],
  },
  {
    rules: ['AE-02'],
    probe: 'egress',
    args: [...['--host', '127.0.0.1', '--port', '8443', '--pin', pin], ...['--key', '/etc/ssh/ssh_host_ed25519_key']],
    right: {
      script: serve({
        unit: 'control',
        key: '/etc/tls/key.pem',
        days: 90,
        arguments: '-accept 127.0.0.1:8443 -www -Verify 1',
      }),
    },
    wrong: {
      script: serve({
        unit: 'control',
        key: '/etc/tls/key.pem',
        days: 90,
        arguments: '-accept 127.0.0.1:8443 -www -Verify 1',
      }),
    },
    found: ['other-key'],
  },
  {
    rules: ['NS-02'],
    probe: 'listening',
    args: ['--flow', 'tcp/22=sshd'],
    right: {},
    wrong: {},
    found: ['undeclared'],
  },
  {
    rules: ['NS-03'],
    probe: 'network-devices',
    // Of VLANs only recordings: the kernel under test machines may be built without them.
    args: ['--bridge', 'br-guests', '--exact'],
    right: { script: 'ip link add br-guests type bridge' },
    wrong: { script: 'ip link add br-other type bridge' },
    found: ['missing-bridge', 'other-bridge'],
  },
  {
    rules: ['SC-04', 'IS-01'],
    probe: 'store-integrity',
    args: ['--path', '/srv/closure', '--contents'],
    right: { script: 'ln -s "$(nix-store --add /etc/debian_version)" /srv/closure' },
    wrong: {
      script:
        'at=$(nix-store --add /etc/debian_version)\nln -s "$at" /srv/closure\nchmod u+w "$at"\necho more >> "$at"',
    },
    found: ['modified'],
  },
];
