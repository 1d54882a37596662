# The fleet. For each host, hosts/<name>/default.nix is what the fleet knows of it, and configuration.nix beside it what it
# runs. Every option: https://github.com/nixfleet/nixfleet/blob/main/docs/fleet-nix.md
{
  mkFleet,
  mkHost,
  # What only the flake knows: its commit, how old its inputs are, and drills.
  release ? { },
  # The drill that is under way.
  drill ? null,
}:
let
  entries = builtins.readDir ./hosts;
  names = builtins.filter (name: entries.${name} == "directory") (builtins.attrNames entries);

  host =
    name:
    let
      declared = import (./hosts + "/${name}");
    in
    declared
    // {
      configuration = mkHost {
        hostName = name;
        platform = declared.system;
        modules = [ (./hosts + "/${name}/configuration.nix") ];
      };
    };
in
mkFleet {
  name = "acme";
  inherit drill release;

  # What every host starts from, and where it hears of releases.
  agent = {
    trust = ./trust/trust-1.json;
    controlPlanes = [ "https://control.example.org:8443" ];
    substituters = [ "https://cache.example.org" ];
  };

  hosts = builtins.listToAttrs (
    map (name: {
      inherit name;
      value = host name;
    }) names
  );

  channels.stable = {
    description = "Production";
    rolloutPolicy = "canary-first";
  };

  # Hosts tagged canary first. After ten quiet minutes the rest.
  rolloutPolicies.canary-first.waves = [
    {
      selector.tags = [ "canary" ];
      soakMinutes = 10;
    }
  ];

  # No unit may fail in a release.
  healthChecks.units.kind = "systemd";

  # Who may read the control plane: name → public keys.
  operators = import ./operators.nix;
}
