# darwinSystem over the stand-ins: what evalModules returns, extendModules included.
{ lib }:
{
  modules ? [ ],
  specialArgs ? { },
}:
lib.evalModules {
  inherit specialArgs;
  modules = [
    ./darwin-options.nix
    { _module.args.pkgs = import ./packages.nix; }
  ]
  ++ modules;
}
