# hostSpec made into a NixOS system.
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
    i18n.defaultLocale = spec.locale;
    console.keyMap = mkDefault spec.keyboardLayout;
    services.xserver.xkb.layout = mkDefault spec.keyboardLayout;
    networking.interfaces = lib.mkIf (spec.networking.interface != null) {
      ${spec.networking.interface}.useDHCP = mkDefault true;
    };
    users.users.root.openssh.authorizedKeys.keys = spec.rootSshKeys;
    users.users.root.hashedPasswordFile = spec.rootHashedPasswordFile;
    nix.settings.experimental-features = [
      "nix-command"
      "flakes"
    ];
    # Inputs are what the flake pins; a search path would be a second truth.
    nix.nixPath = mkDefault [ ];
  };
}
