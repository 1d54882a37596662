# The parts of nixpkgs that nix/package.nix uses, on this machine's programs. `archives`: a folder with each npm archive by
# name. `node`: the folder of Node.
{ archives, node }:
let
  run = ''
    set -euo pipefail
    cp -r "$src" source && chmod -R u+w source && cd source
    eval "$configurePhase"
    eval "$buildPhase"
    eval "$installPhase"
    if [ -n "$doInstallCheck" ]; then eval "$installCheckPhase"; fi
  '';
in
{
  stdenv.hostPlatform.system = builtins.currentSystem;
  runtimeShell = "/bin/sh";
  nodejs_24 = node;
  coreutils = "/usr";
  git = "/usr";
  openssh = "/usr";

  # By name: a test has no network. What would have been fetched is compared by package.test.ts.
  fetchurl = { name, ... }: "${archives}/${name}";

  stdenvNoCC.mkDerivation =
    { pname, version, ... }@arguments:
    derivation (
      removeAttrs arguments [ "meta" ]
      // {
        name = "${pname}-${version}";
        system = builtins.currentSystem;
        builder = "/bin/bash";
        args = [
          "-c"
          run
        ];
        PATH = "${node}/bin:/usr/bin:/bin";
        HOME = "/homeless";
      }
    );
}
