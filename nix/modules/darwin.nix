# Every module for nix-darwin. All of them are off until enabled.
{
  imports = [
    ./cache.nix
    ./core/darwin.nix
    ./operator.nix
    ./package.nix
    ./persistence.nix
    ./trust.nix
  ];
}
