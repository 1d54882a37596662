# Persistence contract: what must survive a reboot of a machine whose root does not. Modules append what they need; an
# implementation, such as the scope persistence.impermanence, makes it so.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.nixfleet.persistence;
  entries = types.listOf (types.either types.str (types.attrsOf types.anything));
in
{
  options.nixfleet.persistence = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether this machine's root is wiped at boot, so that what is listed here has to be kept elsewhere.";
      example = true;
    };
    root = mkOption {
      type = types.str;
      default = "/persist";
      description = "Where what persists is mounted.";
      example = "/nix/persist";
    };
    directories = mkOption {
      type = entries;
      default = [ ];
      description = "Directories that persist: a path, or an attribute set that the implementation understands.";
      example = [ "/var/lib/postgresql" ];
    };
    files = mkOption {
      type = entries;
      default = [ ];
      description = "Files that persist, likewise.";
      example = [ "/etc/machine-id" ];
    };
  };

  config = lib.mkIf cfg.enable {
    nixfleet.persistence.directories = [
      "/etc/nixos"
      "/var/lib/nixos"
      "/var/lib/systemd"
      "/var/log"
    ];
    nixfleet.persistence.files = [ "/etc/machine-id" ];
  };
}
