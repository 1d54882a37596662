# One system of a test machine, as its configuration in git would describe it.
{
  # revision → package
  nixfleet,
  name,
  version,
  # Below 10.99.0.0/24, where the cache and the forge are .1 and the control plane is .2.
  address,
  revision ? "1",
  agentSettings,
  # How the agent gets at its store: by the daemon, or itself.
  store ? "daemon",
  # Settings of the control plane, on the machine that is it.
  controlPlane ? null,
  healthChecks ? { },
  # Arguments of compliance.nix; null: nothing is measured.
  compliance ? null,
  # Rules for nft, loaded by the firewall's unit.
  firewall ? null,
  # Further units and files, and whatever machine.nix takes.
  units ? { },
  etc ? { },
  system ? { },
}:
let
  inherit (builtins) toJSON;
  package = nixfleet revision;
  measured =
    if compliance == null then
      {
        etc = { };
        units = { };
        agentSettings = { };
        agentWritePaths = [ ];
        activation = "";
      }
    else
      import ./compliance.nix (
        {
          inherit package;
          inherit (agentSettings) fleet;
          host = name;
          searchPath = agentSettings.path;
        }
        // compliance
      );
  settings =
    agentSettings
    // {
      backend = agentSettings.backend // {
        inherit store;
      };
    }
    // measured.agentSettings;
  agent = import ./agent-units.nix {
    inherit package store;
    agentSettings = settings;
    writePaths = measured.agentWritePaths;
  };

  oneshot = {
    Type = "oneshot";
    RemainAfterExit = true;
  };

  network."network-addresses.service" = {
    description = "Address of host0";
    wantedBy = [ "multi-user.target" ];
    wants = [ "network.target" ];
    before = [ "network.target" ];
    serviceConfig = oneshot // {
      ExecStart = "/bin/sh -ec 'ip address replace ${address}/24 dev host0; ip link set host0 up'";
      ExecStop = "/bin/sh -ec 'ip address flush dev host0'";
    };
  };

  firewalled."firewall.service" = {
    description = "Firewall";
    wantedBy = [ "multi-user.target" ];
    restartTriggers = [ (builtins.hashString "sha256" (toString firewall)) ];
    serviceConfig = oneshot // {
      ExecStart = "/usr/sbin/nft -f /etc/firewall.nft";
      ExecStop = "/usr/sbin/nft flush ruleset";
    };
  };

  # Where nobody keeps a machine's clock, as with time from a server that cannot be reached, there is a file that says so.
  clock."time-sync.service" = {
    description = "Synchronised clock";
    wantedBy = [ "multi-user.target" ];
    before = [ "nixfleet-agent.service" ];
    unitConfig.ConditionPathExists = "!/var/lib/no-time-server";
    serviceConfig = oneshot // {
      ExecStart = "/bin/sh -ec 'mkdir -p /run/systemd/timesync; touch /run/systemd/timesync/synchronized'";
    };
  };

  daemon."nix-daemon.socket" = {
    description = "Nix daemon socket";
    wantedBy = [ "sockets.target" ];
    socketConfig.ListenStream = "/nix/var/nix/daemon-socket/socket";
  };
  daemon."nix-daemon.service" = {
    description = "Nix daemon";
    serviceConfig = {
      ExecStart = "/usr/bin/nix-daemon";
      KillMode = "process";
    };
  };

  server."nixfleet-control-plane.service" = {
    description = "NixFleet control plane";
    wantedBy = [ "multi-user.target" ];
    after = [ "network-addresses.service" ];
    restartTriggers = [ (builtins.hashString "sha256" (toJSON controlPlane)) ];
    serviceConfig = {
      ExecStart = "${package}/bin/nixfleet control-plane run";
      StateDirectory = "nixfleet-control-plane";
      Restart = "always";
      RestartSec = 1;
    };
  };
in
import ../../../nix/testing/machine.nix (
  {
    inherit name version healthChecks;
    inherit (agent) etcPrograms;
    inherit (measured) activation;
    packages = [ package ];
    etc = {
      "hosts" = ''
        127.0.0.1 localhost
        10.99.0.1 cache forge
        10.99.0.2 control
      '';
      "nsswitch.conf" = "passwd: files\ngroup: files\nhosts: files\n";
      "nix/nix.conf" = "experimental-features = nix-command\nbuild-users-group =\n";
      "nixfleet/agent.json" = toJSON settings;
    }
    // (if controlPlane == null then { } else { "nixfleet/control-plane.json" = toJSON controlPlane; })
    // (if firewall == null then { } else { "firewall.nft" = firewall; })
    // measured.etc
    // etc;
    units =
      network
      // clock
      // daemon
      // agent.units
      // measured.units
      // (if controlPlane == null then { } else server)
      // (if firewall == null then { } else firewalled)
      // units;
  }
  // system
)
