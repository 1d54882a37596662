# Every module for NixOS. All of them are off until enabled.
{
  imports = [
    ../compliance/module.nix
    ./agent/nixos.nix
    ./cache.nix
    ./cache-server.nix
    ./control-plane.nix
    ./core/nixos.nix
    ./operator.nix
    ./package.nix
    ./persistence.nix
    ./release.nix
    ./trust.nix
  ];
}
