import type { ChannelName, FleetName, HostName, SystemName, TagName } from '@nixfleet/contracts';
import type { Deployment } from './deployment.ts';
import { hostFiles } from './host-files.ts';

export interface AdoptedHost {
  readonly name: HostName;
  readonly system: SystemName;
  readonly tags: readonly TagName[];
  readonly pubkey: string;
}

export interface Adoption {
  readonly fleet: FleetName;
  readonly channel: ChannelName;
  readonly controlPlane: string;
  readonly cache: string;
  readonly hosts: readonly AdoptedHost[];
}

/** How the outputs of a flake hand over configurations that are there already. */
const systemsFrom: Readonly<Record<Deployment['kind'], string>> = {
  colmena: '(colmena.lib.makeHive self.outputs.colmena).nodes',
  'deploy-rs': 'self.nixosConfigurations',
  flake: 'self.nixosConfigurations',
};

/** `fleet.nix` and one folder a host. Configurations come from outside, as `systems`. */
export async function adoptedFiles(adoption: Adoption, deployment: Deployment): Promise<ReadonlyMap<string, string>> {
  const files = new Map([['fleet.nix', fleetFile(adoption, deployment)]]);
  const { channel } = adoption;
  for (const { name, system, tags, pubkey } of adoption.hosts) {
    for (const [path, text] of await hostFiles({ name, system, channel, tags, pubkeys: [pubkey] })) {
      // What it runs is where it was.
      if (path.endsWith('/default.nix')) files.set(path, text);
    }
  }
  return files;
}

function fleetFile({ fleet, channel, controlPlane, cache }: Adoption, { kind, origin }: Deployment): string {
  return `# The fleet, written by nixfleet adopt from ${origin}. In the outputs of flake.nix, which begin
# with inputs@{ … }:
#
#   fleet = import ./fleet.nix {
#     inherit (nixfleet.lib) mkFleet;
#     systems = ${systemsFrom[kind]};
#     # What nixfleet compliance drill leaves in ./compliance, which need not be there.
#     drill = nixfleet.lib.drillOf ./compliance;
#     release = nixfleet.lib.releaseOf inputs // {
#       drills = nixfleet.lib.drillsOf ./compliance;
#     };
#   };
#
# Its own nixosConfigurations are those with the agent: build and deploy them once with the tool you have, and the agent is on.
# They go to an output of another name, or systems would be circular.
{
  mkFleet,
  # Host → configuration, as it is without NixFleet.
  systems ? { },
  # What only the flake knows: its commit, how old its inputs are, and drills.
  release ? { },
  # The drill that is under way.
  drill ? null,
}:
let
  entries = builtins.readDir ./hosts;
  names = builtins.filter (name: entries.\${name} == "directory" && builtins.pathExists (./hosts + "/\${name}/default.nix")) (
    builtins.attrNames entries
  );
  host = name: import (./hosts + "/\${name}") // { configuration = systems.\${name}; };
in
mkFleet {
  name = "${fleet}";
  inherit drill release;

  agent = {
    trust = ./trust/trust-1.json;
    controlPlanes = [ "${controlPlane}" ];
    substituters = [ "${cache}" ];
  };

  hosts = builtins.listToAttrs (
    map (name: {
      inherit name;
      value = host name;
    }) names
  );

  channels.${channel} = {
    rolloutPolicy = "all-at-once";
    # Plans, reports, and switches nothing. Take it out when the reports are what you expect.
    mode = "observe";
  };
  rolloutPolicies.all-at-once = { };
}
`;
}
