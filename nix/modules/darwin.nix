# Every module for nix-darwin. All of them are off until enabled.
{
  imports = [
    ./agent/darwin.nix
    ./cache.nix
    ./core/darwin.nix
    ./operator.nix
    ./package.nix
    ./persistence.nix
    ./trust.nix
  ];
}
