# For Nix without flakes: `(import ./path/to/nixfleet).lib.mkFleet { … }`, and in a configuration
# `imports = [ (import ./path/to/nixfleet).nixosModules.default ];`.
{
  lib = import ./nix;
  nixosModules.default = ./nix/modules/nixos.nix;
}
