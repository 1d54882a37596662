# The agent under launchd, with the dead man's switch and the job that picks up after a boot.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.nixfleet-agent;
  # Nix, git and ssh for mirrors, GNU's coreutils for the dead man's switch; then launchctl, sysctl and systemsetup.
  searchPath = lib.concatStringsSep ":" [
    (lib.makeBinPath (
      # Without nix.enable something else installed Nix, and nix-darwin does not say what.
      lib.optional (config.nix.enable or true) config.nix.package
      ++ [
        pkgs.git
        pkgs.openssh
        pkgs.coreutils
        pkgs.gnugrep
        pkgs.gnused
      ]
    ))
    "/nix/var/nix/profiles/default/bin"
    "/usr/bin"
    "/bin"
    "/usr/sbin"
    "/sbin"
  ];
  daemons = import ../agent-daemons.nix {
    nixfleet = config.nixfleet.package;
    inherit (cfg) stateDirectory;
    shell = pkgs.runtimeShell;
    inherit searchPath;
  };
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
    environment.etc."nixfleet/dead-man".source = pkgs.writeScript "nixfleet-dead-man" daemons.deadMan;
    environment.etc."newsyslog.d/nixfleet-agent.conf".text = daemons.logRotation;
    environment.systemPackages = [ config.nixfleet.package ];

    launchd.daemons = lib.mapAttrs (_: serviceConfig: { inherit serviceConfig; }) daemons.daemons // {
      nixfleet-agent.serviceConfig = daemons.daemons.nixfleet-agent // {
        # Read when the agent starts: where one of them changes, the job does, and nix-darwin starts it anew.
        EnvironmentVariables.NIXFLEET_STARTED_WITH = builtins.hashString "sha256" (
          toString (
            [ config.environment.etc."nixfleet/agent.json".text ] ++ import ../settings/trust-content.nix config
          )
        );
      };
    };

    assertions = import ./assertions.nix { inherit lib config; };
    warnings = lib.optional (!(config.nix.settings.require-sigs or true)) (
      "nix.settings.require-sigs is false: Nix would take unsigned paths, so services.nixfleet-agent refuses every release on "
      + "this machine. Leave it at true."
    );
  };
}
