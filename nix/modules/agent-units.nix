# What every closure of a NixOS machine with an agent contains, as data without nixpkgs: the dead man's switch, the unit
# that picks up after a reboot, and the agent's own unit. The NixOS module puts it into a configuration, the stand-in
# systems of tests into a folder; docs/agent.md says what depends on it.
{
  # The program `nixfleet`.
  nixfleet,
  configFile ? "/etc/nixfleet/agent.json",
  stateDirectory ? "/var/lib/nixfleet-agent",
  # What the dead man's switch runs with: a POSIX shell, and a PATH with coreutils, grep, flock (util-linux) and systemd.
  shell ? "/bin/sh",
  searchPath,
  # `daemon`: Nix does its work in its own process, and the agent's needs no rights to the store. `direct`: it has them.
  store ? "daemon",
}:
let
  hardening = import ./settings/hardening.nix;

  # What changes the machine runs in transient units, started by PID 1, and not in the agent's own process: that one
  # writes its state and talks to the network, to PID 1 and to the Nix daemon.
  sandbox =
    if store == "daemon" then
      hardening
      // {
        # ssh keys and netrc files of root, for mirrors.
        ProtectHome = "read-only";
        ReadWritePaths = [ stateDirectory ];
      }
    else if store == "direct" then
      {
        inherit (hardening)
          UMask
          ProtectClock
          ProtectHostname
          ProtectKernelLogs
          ProtectKernelModules
          LockPersonality
          RestrictRealtime
          SystemCallArchitectures
          ;
      }
    else
      throw "agent-units: store is \"${toString store}\": expected \"daemon\" or \"direct\"";

  # Elsewhere than in /var/lib it is made by whoever put it there.
  belowLib = builtins.match "/var/lib/(.*)" stateDirectory;
  ownDirectory =
    if belowLib == null then
      { }
    else
      {
        StateDirectory = builtins.head belowLib;
        StateDirectoryMode = "0700";
      };
in
rec {
  # Where it has to lie in the closure: a newer agent looks for it there.
  deadManPath = "etc/nixfleet/dead-man";

  # The text of that file, to be made executable.
  deadMan = ''
    #!${shell}
    PATH=${searchPath}
    export PATH
  ''
  + builtins.readFile ./dead-man-record.sh
  + builtins.readFile ./dead-man.sh;

  # As `systemd.services` of NixOS has them.
  services.nixfleet-recover = {
    description = "NixFleet: picks up a switch that a reboot interrupted";
    wantedBy = [ "sysinit.target" ];
    before = [ "nixfleet-agent.service" ];
    unitConfig = {
      # Also where the system does not get as far as its basic target.
      DefaultDependencies = false;
      RequiresMountsFor = [
        "/nix"
        stateDirectory
      ];
    };
    after = [ "local-fs.target" ];
    # Only ever after a boot.
    restartIfChanged = false;
    stopIfChanged = false;
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
      ExecStart = "/run/current-system/${deadManPath} recover ${stateDirectory}/switch";
    };
  };

  services.nixfleet-agent = {
    description = "NixFleet agent";
    wantedBy = [ "multi-user.target" ];
    wants = [ "network-online.target" ];
    after = [
      "network-online.target"
      "nix-daemon.socket"
      "nixfleet-recover.service"
    ];
    # A machine that reaches nobody keeps trying for as long as it runs.
    unitConfig.StartLimitIntervalSec = 0;
    # It is the one that switches: replaced in one go at the end, never down while the rest is exchanged.
    stopIfChanged = false;
    serviceConfig = sandbox // ownDirectory // {
      ExecStart = "${nixfleet}/bin/nixfleet agent run --config ${configFile}";
      Restart = "always";
      RestartSec = 5;
      TimeoutStopSec = 30;
    };
  };

  # A kernel that panics, and a system that ends in emergency mode, come back by themselves into the boot default: after a
  # one-shot boot that is the closure confirmed before.
  kernelParams = [
    "panic=30"
    "boot.panic_on_fail"
  ];
}
