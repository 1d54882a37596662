import { covers } from '../flow.ts';
import { acceptedIptablesPorts, inputAcceptsAll, inputEndsInDrop, parseIptablesSave } from '../iptables.ts';
import type { Machine } from '../machine.ts';
import { acceptedPorts, acceptsAll, endsInDrop, parseNft, type Ruleset } from '../nftables.ts';
import { probe, type Violation } from '../probe.ts';

interface Family {
  readonly name: 'ipv4' | 'ipv6';
  readonly nft: readonly string[];
  readonly save: string;
}

const families: readonly Family[] = [
  { name: 'ipv4', nft: ['ip', 'inet'], save: 'iptables-save' },
  { name: 'ipv6', nft: ['ip6', 'inet'], save: 'ip6tables-save' },
];

export const firewall = probe({
  name: 'firewall',
  summary: 'that what arrives over IPv4 and IPv6 ends in a drop, by the loaded rules, and what they let in',
  arguments: {
    flow: {
      kind: 'list',
      what: 'declared flow in: `tcp/22`, `udp/60000-61000`; none given: open ports are not compared',
    },
    only: {
      kind: 'list',
      what: '`tcp/22=10.0.0.0/8` or `tcp/22=wg0`: this port only from there, networks or interfaces',
    },
    noFlow: { kind: 'switch', what: 'nothing is declared, so nothing may be open' },
  },
  facts: {
    ipv4: 'how IPv4 input ends: nftables, iptables or open',
    ipv6: 'how IPv6 input ends',
    open: 'ports that rules let in from anywhere or somewhere: `{port, from}`, from null: anywhere',
  },
  violations: ['open', 'accepts-all', 'undeclared-port', 'other-zone'],
  root: 'the kernel shows its rules to root only',
  async measure(machine, { flow, only, noFlow }) {
    const ruleset = machine.has('nft')
      ? parseNft((await machine.run(['nft', '--json', 'list', 'ruleset'])).stdout)
      : null;
    const violations: Violation[] = [];
    const ends: Record<string, string> = {};
    const ports: { port: string; from: string | null }[] = [];
    for (const family of families) {
      const filter = await iptablesOf(machine, family, ruleset !== null);
      const chains = (ruleset?.inputs ?? []).filter(
        (chain) => family.nft.includes(chain.family) && (filter === null || !isIptables(chain)),
      );
      const closed = chains.filter((chain) => endsInDrop(chain) && !acceptsAll(chain.rules));
      const isClosed = filter !== null && inputEndsInDrop(filter) && !inputAcceptsAll(filter);
      // A packet has to pass every chain that hooks input: one that drops is enough.
      ends[family.name] = closed.length > 0 ? 'nftables' : isClosed ? 'iptables' : 'open';
      if (closed.length === 0 && !isClosed) {
        const all = chains.some((chain) => endsInDrop(chain)) || (filter !== null && inputEndsInDrop(filter));
        violations.push({
          what: all ? 'accepts-all' : 'open',
          subject: family.name,
          observed: chains.map(({ policy }) => policy).join(' ') || (filter?.policy ?? null),
          expected: 'drop',
        });
      }
      if (filter) ports.push(...acceptedIptablesPorts(filter));
    }
    if (ruleset) ports.push(...acceptedPorts(machine.has('iptables-save') ? withoutIptables(ruleset) : ruleset));
    const open = [...new Map(ports.map((one) => [`${one.port} ${one.from}`, one])).values()].sort((a, b) =>
      a.port < b.port ? -1 : 1,
    );
    for (const { port, from } of open) {
      if ((flow.length > 0 || noFlow) && !flow.some((declared) => covers(declared, port)))
        violations.push({ what: 'undeclared-port', subject: port, observed: from });
      const zones = only.filter((one) => one.startsWith(`${port}=`)).map((one) => one.slice(port.length + 1));
      if (zones.length > 0 && !(from ?? '*').split(',').some((one) => zones.includes(one)))
        violations.push({ what: 'other-zone', subject: port, observed: from, expected: zones.join(' ') });
    }
    return {
      facts: {
        ipv4: ends.ipv4 ?? 'open',
        ipv6: ends.ipv6 ?? 'open',
        open: open.slice(0, 128).map((one) => ({ ...one })),
      },
      violations,
    };
  },
});

/** iptables over nftables shows the same rules twice; those of the old kernel interface only here. */
async function iptablesOf(machine: Machine, family: Family, hasNft: boolean) {
  if (!machine.has(family.save)) return null;
  const { exitCode, stdout } = await machine.run([family.save, '-t', 'filter'], {
    exitCodes: hasNft ? [0, 1, 3] : [0],
  });
  return exitCode === 0 ? parseIptablesSave(stdout) : null;
}

/** Tables that iptables made itself; iptables-save reads them better. */
function isIptables({ family, table }: { readonly family: string; readonly table: string }): boolean {
  return table === 'filter' && (family === 'ip' || family === 'ip6');
}

function withoutIptables(ruleset: Ruleset): Ruleset {
  const chains = [...ruleset.chains].filter(([key]) => !/^ip6? filter /.test(key));
  return { inputs: ruleset.inputs, chains: new Map(chains) };
}
