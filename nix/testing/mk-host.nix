# A stand-in for mkHost that needs no nixpkgs: what it returns can be extended by mkFleet and built with /bin/sh, and holds
# the host's probes. Its modules are not looked at. For checks and tests of a fleet, not for machines.
{
  hostName,
  platform,
  ...
}:
let
  toplevel = import ./toplevel.nix;

  # Of the modules that mkFleet adds, only the probes matter here.
  checksOf =
    modules:
    builtins.foldl' (
      found: module:
      let
        value = if builtins.isFunction module then module { lib.mkDefault = default: default; } else module;
      in
      found // value.services.nixfleet-agent.healthChecks or { }
    ) { } modules;

  system = healthChecks: {
    config.system.build.toplevel = toplevel {
      name = hostName;
      version = "stand-in";
      system = platform;
      inherit healthChecks;
    };
    extendModules = { modules }: system (healthChecks // checksOf modules);
  };
in
system { }
