# The shipped bundle with its Node, as a package: revision → store path. Revisions differ in nothing but where they are,
# as two builds of the same release would.
{ dist, node }:
let
  bundle = builtins.path {
    path = dist;
    name = "nixfleet-bundle";
  };
  nodeProgram = builtins.path {
    path = node;
    name = "node";
  };
in
revision:
import ../../../nix/testing/build.nix {
  name = "nixfleet-${revision}";
  steps = ''
    mkdir -p "$out/bin"
    cp -R ${bundle}/nixfleet ${bundle}/lib ${bundle}/share "$out/"
    printf '#!/bin/sh\nexport NIXFLEET_NODE=%s\nexec %s "$@"\n' ${nodeProgram} "$out/nixfleet" > "$out/bin/nixfleet"
    chmod +x "$out/bin/nixfleet"
  '';
}
