# A vanilla NixOS system with the compliance module and `module`, as far as a test looks at it.
{
  lib,
  module,
  hostName ? "web-1",
}:
import ../modules/nixos-system.nix { inherit lib; } {
  modules = [
    ./nixos-options.nix
    ../../../nix/compliance/module.nix
    {
      nixfleet.package = (import ../modules/packages.nix).nixfleet;
      nixpkgs.hostPlatform = "x86_64-linux";
      networking = { inherit hostName; };
    }
    module
  ];
}
