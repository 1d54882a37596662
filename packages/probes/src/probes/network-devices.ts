import { ProbeError } from '../errors.ts';
import { probe, type Violation } from '../probe.ts';

interface Link {
  readonly name: string;
  readonly kind: string | null;
  readonly vlan: number | null;
  readonly parent: string | null;
}

/** `ip --json --details link`. */
export function parseLinks(text: string): Link[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ProbeError('malformed', 'ip: not JSON');
  }
  if (!Array.isArray(value)) throw new ProbeError('malformed', 'ip: expected a list');
  // Older versions print an empty object for each link they leave out.
  return (
    value as { ifname?: unknown; link?: unknown; linkinfo?: { info_kind?: unknown; info_data?: { id?: unknown } } }[]
  )
    .filter(({ ifname }) => typeof ifname === 'string')
    .map(({ ifname, link, linkinfo }) => ({
      name: String(ifname),
      kind: typeof linkinfo?.info_kind === 'string' ? linkinfo.info_kind : null,
      vlan: linkinfo?.info_kind === 'vlan' && typeof linkinfo.info_data?.id === 'number' ? linkinfo.info_data.id : null,
      parent: typeof link === 'string' ? link : null,
    }));
}

export const networkDevices = probe({
  name: 'network-devices',
  summary: 'VLANs and bridges, against those declared',
  arguments: {
    vlan: { kind: 'list', what: 'declared VLAN: `100` or `100=eth0`' },
    bridge: { kind: 'list', what: 'declared bridge, by name' },
    device: { kind: 'list', what: 'VLAN or bridge that has to be there, by name' },
    exact: { kind: 'switch', what: 'others may not be there' },
  },
  facts: { vlans: '`{name, id, parent}`', bridges: 'names of bridges' },
  violations: ['missing-vlan', 'missing-bridge', 'missing-device', 'other-vlan', 'other-bridge'],
  root: null,
  async measure(machine, { vlan, bridge, device, exact }) {
    const links = parseLinks((await machine.run(['ip', '--json', '--details', 'link'])).stdout);
    const vlans = links.flatMap(({ name, vlan: id, parent }) => (id === null ? [] : [{ name, id, parent }]));
    const bridges = links.filter(({ kind }) => kind === 'bridge').map(({ name }) => name);
    const wanted = vlan.map((one) => one.split('='));
    const violations: Violation[] = [];
    for (const [id = '', parent] of wanted)
      if (!vlans.some((one) => one.id === Number(id) && (parent === undefined || one.parent === parent)))
        violations.push({ what: 'missing-vlan', subject: id, expected: parent ?? null });
    for (const name of bridge) if (!bridges.includes(name)) violations.push({ what: 'missing-bridge', subject: name });
    for (const name of device)
      if (!links.some((link) => link.name === name && (link.kind === 'vlan' || link.kind === 'bridge')))
        violations.push({ what: 'missing-device', subject: name });
    if (exact) {
      for (const { name, id } of vlans)
        if (!wanted.some(([one]) => Number(one) === id))
          violations.push({ what: 'other-vlan', subject: name, observed: id });
      for (const name of bridges) if (!bridge.includes(name)) violations.push({ what: 'other-bridge', subject: name });
    }
    return { facts: { vlans, bridges }, violations };
  },
});
