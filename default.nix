# For Nix without flakes: `(import ./path/to/nixfleet).lib.mkFleet { … }`.
{
  lib = import ./nix;
}
