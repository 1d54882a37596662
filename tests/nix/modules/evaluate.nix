# One machine with our modules and `module`, as far as a test looks at it. JSON.
{ lib, module }:
let
  pkgs = import ./packages.nix;
  system = import ./nixos-system.nix { inherit lib; } {
    modules = [
      ../../../nix/modules/nixos.nix
      { nixfleet.package = pkgs.nixfleet; }
      module
    ];
  };
  inherit (system) config;
in
{
  refused = map (entry: entry.message) (lib.filter (entry: !entry.assertion) config.assertions);
  inherit (config) warnings;
  etc = lib.mapAttrs (_: file: if file.text != null then file.text else toString file.source) config.environment.etc;
  inherit (config.systemd) services timers;
  units = lib.mapAttrs (_: import ../../../nix/testing/unit-text.nix) config.systemd.services;
  inherit (config.boot) kernelParams;
  tmpfiles = config.systemd.tmpfiles.rules;
  firewall = config.networking.firewall.allowedTCPPorts;
  users = lib.attrNames config.users.users;
  packages = map (package: package.name) config.environment.systemPackages;
  inherit (config.environment) variables;
  nix = config.nix.settings;
  inherit (config.services) nginx;
  persistence = { inherit (config.nixfleet.persistence) directories files; };
  hostName = config.networking.hostName;
}
