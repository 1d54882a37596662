# What a person says of a machine in a few words; core turns it into options of the system.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  spec = config.hostSpec;
in
{
  options.hostSpec = {
    hostName = mkOption {
      type = types.str;
      description = "The machine's name, in the fleet and on the network.";
      example = "web-1";
    };
    userName = mkOption {
      type = types.nullOr types.str;
      default = null;
      description = "The person who uses the machine most, where there is one.";
      example = "ada";
    };
    home = mkOption {
      type = types.nullOr types.str;
      default =
        if spec.userName == null then
          null
        else if spec.isDarwin then
          "/Users/${spec.userName}"
        else
          "/home/${spec.userName}";
      defaultText = lib.literalExpression "the usual place for userName";
      description = "That person's home directory.";
      example = "/srv/ada";
    };
    timeZone = mkOption {
      type = types.str;
      default = "UTC";
      description = "The time zone.";
      example = "Europe/Paris";
    };
    locale = mkOption {
      type = types.str;
      default = "en_US.UTF-8";
      description = "The default locale.";
      example = "fr_FR.UTF-8";
    };
    keyboardLayout = mkOption {
      type = types.str;
      default = "us";
      description = "The layout of the console and of X.";
      example = "fr";
    };
    rootHashedPasswordFile = mkOption {
      type = types.nullOr types.str;
      default = null;
      description = "A file on the machine with root's hashed password.";
      example = "/run/secrets/root-password";
    };
    rootSshKeys = mkOption {
      type = types.listOf types.str;
      default = [ ];
      description = "OpenSSH public keys that may log in as root.";
      example = [ "ssh-ed25519 AAAA… ada@laptop" ];
    };
    networking.interface = mkOption {
      type = types.nullOr types.str;
      default = null;
      description = "The interface that asks for an address by DHCP. Null: the system's own default.";
      example = "enp1s0";
    };
    vmPortForwards = mkOption {
      type = types.attrsOf types.port;
      default = { };
      description = "Port of the virtual machine → port of this one, for `mkVmApps`.";
      example = {
        "80" = 8080;
      };
    };
    vmRam = mkOption {
      type = types.nullOr types.ints.positive;
      default = null;
      description = "Memory of the virtual machine in MiB, for `mkVmApps`. Null: its default.";
      example = 2048;
    };
    isDarwin = mkOption {
      type = types.bool;
      default = false;
      description = "Whether it is a Mac; mkHost says so.";
      example = true;
    };
  };
}
