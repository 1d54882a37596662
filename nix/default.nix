# What a fleet repository uses. `builtins` only: no nixpkgs, Nix 2.8 or newer, with or without flakes.
{
  # Options → { resolved, toplevels, hosts, warnings }. See docs/fleet-nix.md.
  mkFleet = import ./fleet/mk-fleet.nix;

  testing = {
    # A stand-in for a NixOS system that needs nothing but /bin/sh to build.
    toplevel = import ./testing/toplevel.nix;
  };
}
