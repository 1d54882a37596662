# mkHost: a NixOS or nix-darwin system from a few words. A convenience over nixosSystem and darwinSystem: what comes out is
# an ordinary configuration, which stock tools build and deploy.
#
#   mkHostWith { nixpkgs, nix-darwin ? null, inputs ? { } } → mkHost → configuration
{
  # The flake, or anything with lib.nixosSystem.
  nixpkgs,
  # The flake, or anything with lib.darwinSystem; for Macs. An extraInputs.nix-darwin of the host serves as well.
  nix-darwin ? null,
  # What modules get as their argument `inputs`, over the extraInputs of a host.
  inputs ? { },
}:
{
  hostName,
  # A Nix system; *-darwin is built with nix-darwin.
  platform,
  # Of NixOS, as default: set it once, to the release a machine was installed with.
  stateVersion ? "25.11",
  # Options of hostSpec, as defaults.
  hostSpec ? { },
  # Modules of your own, last.
  modules ? [ ],
  # A virtual machine for QEMU.
  isVm ? false,
  extraInputs ? { },
}:
let
  darwinFlake = if nix-darwin == null then extraInputs.nix-darwin or null else nix-darwin;
  isDarwin = builtins.match ".*-darwin" platform != null;

  injected =
    { lib, ... }:
    {
      _file = "mkHost ${hostName}";
      nixpkgs.hostPlatform = lib.mkDefault platform;
      nixfleet.core.enable = lib.mkDefault true;
      hostSpec = lib.mapAttrs (_: lib.mkDefault) hostSpec // {
        inherit hostName isDarwin;
      };
    };

  specialArgs.inputs = extraInputs // inputs;

  nixos = nixpkgs.lib.nixosSystem {
    inherit specialArgs;
    modules = [
      ../modules/nixos.nix
      injected
      ({ lib, ... }: { system.stateVersion = lib.mkDefault stateVersion; })
    ]
    ++ (if isVm then [ ../vm/guest.nix ] else [ ])
    ++ modules;
  };

  darwin = darwinFlake.lib.darwinSystem {
    inherit specialArgs;
    modules = [
      ../modules/darwin.nix
      injected
    ]
    ++ modules;
  };
in
if !isDarwin then
  nixos
else if darwinFlake == null then
  throw "mkHost ${hostName}: ${platform} is built with nix-darwin: pass extraInputs.nix-darwin"
else if isVm then
  throw "mkHost ${hostName}: isVm is for NixOS"
else
  darwin
