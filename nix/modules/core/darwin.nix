# hostSpec made into a nix-darwin system.
{ config, lib, ... }:
let
  inherit (lib) mkDefault;
  spec = config.hostSpec;
in
{
  imports = [
    ./enable.nix
    ./host-spec.nix
  ];

  config = lib.mkIf config.nixfleet.core.enable {
    networking.hostName = spec.hostName;
    time.timeZone = spec.timeZone;
    system.primaryUser = lib.mkIf (spec.userName != null) spec.userName;
    system.checks.verifyNixPath = mkDefault false;
    nix.settings.experimental-features = [
      "nix-command"
      "flakes"
    ];
    nix.nixPath = mkDefault [ ];
  };
}
