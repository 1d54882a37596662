# The same fleet as one file would declare, split: by function, by file, by site, and hosts generated with plain Nix.
{ lib, ... }:
{
  name = "split";
  imports = [
    ./policies.nix
    ./sites/paris.nix
    (import ./sites/berlin.nix { hosts = 2; })
    { operators.ada.pubkeys = [ (import ../keys.nix).ada ]; }
  ];
  edges = [
    {
      gated = "paris-web";
      gates = "paris-db";
    }
  ];
  # The library of NixFleet, as a flake has it.
  tags.web.description = if lib ? mkFleet then "Serves HTTP" else throw "no library";
}
