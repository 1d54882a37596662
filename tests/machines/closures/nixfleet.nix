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
    cp -R ${bundle}/nixfleet ${bundle}/nixfleet-probe ${bundle}/lib ${bundle}/share "$out/"
    for program in nixfleet nixfleet-probe; do
      printf '#!/bin/sh\nexport NIXFLEET_NODE=%s\nexec %s "$@"\n' ${nodeProgram} "$out/$program" > "$out/bin/$program"
      chmod +x "$out/bin/$program"
    done
  '';
}
