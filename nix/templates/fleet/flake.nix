{
  description = "The fleet acme";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    nixfleet.url = "github:nixfleet/nixfleet";
    nixfleet.inputs.nixpkgs.follows = "nixpkgs";
  };

  outputs =
    inputs@{ nixfleet, ... }:
    let
      fleet = import ./fleet.nix {
        inherit (nixfleet.lib) mkFleet mkHost;
        release = nixfleet.lib.releaseOf inputs;
      };
    in
    {
      # What `nixfleet release --source .#fleet` builds.
      inherit fleet;
      # `nix run .#nixfleet`, of the version that flake.lock names.
      inherit (nixfleet) packages;
      # For stock tools: nixos-rebuild, nixos-anywhere.
      inherit (fleet) nixosConfigurations darwinConfigurations;
    };
}
