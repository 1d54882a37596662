# The agent under launchd, on nix-darwin.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.nixfleet-agent;
  searchPath = lib.concatStringsSep ":" [
    (lib.makeBinPath [
      config.nix.package
      pkgs.git
      pkgs.openssh
      pkgs.coreutils
    ])
    # launchctl and what nix-darwin's activation calls.
    "/usr/bin:/bin:/usr/sbin:/sbin"
  ];
  settings = import ./settings.nix {
    inherit lib config;
    path = searchPath;
    backend.kind = "darwin";
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
    environment.systemPackages = [ config.nixfleet.package ];

    launchd.daemons.nixfleet-agent = {
      command = "${config.nixfleet.package}/bin/nixfleet agent run --config /etc/nixfleet/agent.json";
      serviceConfig = {
        RunAtLoad = true;
        KeepAlive = true;
        ThrottleInterval = 10;
        ExitTimeOut = 30;
        Umask = 63; # 0077: launchd takes it in decimal.
        StandardErrorPath = "/var/log/nixfleet-agent.log";
        EnvironmentVariables.PATH = searchPath;
      };
    };
    system.activationScripts.preActivation.text = ''
      mkdir -p ${lib.escapeShellArg cfg.stateDirectory}
      chmod 0700 ${lib.escapeShellArg cfg.stateDirectory}
    '';

    assertions = import ./assertions.nix { inherit lib config; };
  };
}
