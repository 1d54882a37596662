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
        # What `nixfleet compliance drill` leaves in ./compliance, which need not be there.
        drill = nixfleet.lib.drillOf ./compliance;
        release = nixfleet.lib.releaseOf inputs // {
          drills = nixfleet.lib.drillsOf ./compliance;
        };
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
