# What a fleet repository uses. `builtins` only: no nixpkgs, Nix 2.8 or newer, with or without flakes.
{
  # Options → { resolved, toplevels, hosts, nixosConfigurations, … }. See docs/fleet-nix.md.
  mkFleet = import ./fleet/mk-fleet.nix;

  # { nixpkgs, nix-darwin } → mkHost: a NixOS or nix-darwin system from a few words. The flake's `lib.mkHost` has them.
  mkHostWith = import ./hosts/mk-host.nix;

  # [ options, functions of { lib, fleet } that return some, or files with either ] → one fleet of all of them.
  mergeFleets = fleets: import ./fleet/mk-fleet.nix { imports = fleets; };

  # A flake's inputs → what rules about releases ask for, as mkFleet's option `release` takes it.
  releaseOf = import ./fleet/release-of.nix;

  # ./compliance → the drill that is under way there, or null; and what was recorded of others.
  inherit (import ./fleet/drill-of.nix) drillOf drillsOf;

  # Controls, rules, crosswalk and presets, as data. See docs/compliance/.
  compliance = import ./compliance;

  # { pkgs } → apps that build, start, stop, clean and test local virtual machines of a fleet.
  mkVmApps = import ./vm/mk-vm-apps.nix;

  testing = {
    # A stand-in for a NixOS system that needs nothing but /bin/sh to build.
    toplevel = import ./testing/toplevel.nix;

    # The same as what nixosSystem returns, with the controls of compliance.
    system = import ./testing/system.nix;

    # A stand-in for mkHost that needs no nixpkgs.
    mkHost = import ./testing/mk-host.nix;
  };
}
