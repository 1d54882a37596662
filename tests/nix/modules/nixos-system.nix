# nixosSystem over the stand-ins: what evalModules returns, extendModules included.
{ lib }:
{
  modules ? [ ],
  specialArgs ? { },
}:
lib.evalModules {
  inherit specialArgs;
  modules = [
    ./nixos-options.nix
    { _module.args.pkgs = import ./packages.nix; }
  ]
  ++ modules;
}
