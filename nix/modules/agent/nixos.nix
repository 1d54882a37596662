# The agent under systemd, with the dead man's switch and the unit that picks up after a reboot.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.nixfleet-agent;
  # What nixos-rebuild itself works with: Nix, git and ssh for mirrors, systemd.
  searchPath = lib.makeBinPath [
    config.nix.package
    config.programs.git.package
    config.programs.ssh.package
    config.systemd.package
    pkgs.coreutils
    pkgs.gnugrep
    pkgs.util-linux
  ];
  units = import ../agent-units.nix {
    nixfleet = config.nixfleet.package;
    inherit (cfg) stateDirectory;
    shell = pkgs.runtimeShell;
    inherit searchPath;
  };
  trustContent = import ../settings/trust-content.nix config;
  settings = import ./settings.nix {
    inherit lib config;
    # The boot loader's own programs are those of the system.
    path = "${searchPath}:/run/current-system/sw/bin";
    backend.kind = "nixos";
  };
in
{
  imports = [
    ./options.nix
    ../package.nix
    ../persistence.nix
    ../trust.nix
  ];

  config = lib.mkIf cfg.enable {
    environment.etc."nixfleet/agent.json".text = builtins.toJSON settings.agent;
    environment.etc."nixfleet/health-checks.json".text = builtins.toJSON settings.healthChecks;
    environment.etc."nixfleet/dead-man".source = pkgs.writeScript "nixfleet-dead-man" units.deadMan;
    environment.systemPackages = [ config.nixfleet.package ];
    boot.kernelParams = units.kernelParams;
    nixfleet.persistence.directories = [
      {
        directory = cfg.stateDirectory;
        mode = "0700";
      }
    ];

    systemd.services = lib.recursiveUpdate units.services {
      # Probes are read from the closure at every activation; what the agent itself reads at its start is named here.
      nixfleet-agent.restartTriggers = [
        config.environment.etc."nixfleet/agent.json".text
      ]
      ++ trustContent;
    };
    systemd.tmpfiles.rules = lib.mkIf (!lib.hasPrefix "/var/lib/" cfg.stateDirectory) [ "d ${cfg.stateDirectory} 0700 root root - -" ];

    assertions = import ./assertions.nix { inherit lib config; };
    warnings = lib.optional (!(config.nix.settings.require-sigs or true)) (
      "nix.settings.require-sigs is false: Nix would take unsigned paths, so services.nixfleet-agent refuses every release on "
      + "this machine. Leave it at true."
    );
  };
}
