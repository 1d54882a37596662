# The systems of the test machines: a file of { <key>: <arguments of host.nix> } → { <key> = toplevel; }.
{
  specs,
  dist,
  node,
}:
let
  nixfleet = import ./nixfleet.nix { inherit dist node; };
in
builtins.mapAttrs (_: spec: import ./host.nix ({ inherit nixfleet; } // spec)) (
  builtins.fromJSON (builtins.readFile specs)
)
