# Stand-ins for the options of nix-darwin that our modules set, as nixos-options.nix is for NixOS.
{ lib, ... }:
let
  inherit (lib) mkOption types;
  is = type: default: mkOption { inherit type default; };
  anything = is types.anything { };
in
{
  options = {
    assertions = is (types.listOf types.unspecified) [ ];
    warnings = is (types.listOf types.str) [ ];
    environment.etc = anything;
    environment.systemPackages = is (types.listOf types.package) [ ];
    environment.variables = is (types.attrsOf types.str) { };
    launchd.daemons = anything;
    networking.hostName = is (types.nullOr types.str) null;
    nix.enable = is types.bool true;
    nix.package = is types.package (import ./packages.nix).nix;
    nix.settings = anything;
    nix.nixPath = is (types.listOf types.str) [ "nixpkgs" ];
    nixpkgs.hostPlatform = is types.str "";
    system.build.toplevel = is types.str "the system of a Mac";
    system.checks.verifyNixPath = is types.bool true;
    system.primaryUser = is (types.nullOr types.str) null;
    time.timeZone = is (types.nullOr types.str) null;
  };
}
