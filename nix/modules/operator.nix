# nixfleet.operator: the command line for people, with settings that need no flags.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.nixfleet.operator;
  dropNulls = import ./settings/drop-nulls.nix lib;
  hasTrust = config.nixfleet.trust.document != null;
in
{
  imports = [
    ./package.nix
    ./trust.nix
  ];

  options.nixfleet.operator = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether `nixfleet` is installed for the people who use this machine.";
      example = true;
    };
    controlPlanes = mkOption {
      type = types.listOf types.str;
      default = [ ];
      description = "Base URLs of the control planes, tried in order.";
      example = [ "https://control.example.org:8443" ];
    };
    releases = mkOption {
      type = types.nullOr types.str;
      default = null;
      description = "Where releases are published, for checks without a control plane: a folder, or `<git repository>#<branch>`.";
      example = "git@git.example.org:fleet.git#releases";
    };
    identity = mkOption {
      type = types.nullOr types.str;
      default = "~/.ssh/id_ed25519";
      description = "The private key whose public half the fleet declares for the operator. `~` is the home of whoever runs the command.";
      example = "~/.config/nixfleet/operator.pem";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.systemPackages = [ config.nixfleet.package ];
    environment.etc."nixfleet/config.json".text = builtins.toJSON (dropNulls {
      fleet = if hasTrust then config.nixfleet.trust.fleet else null;
      trust = if hasTrust then "/etc/nixfleet/trust.json" else null;
      controlPlanes = if cfg.controlPlanes == [ ] then null else cfg.controlPlanes;
      inherit (cfg) releases identity;
    });
    environment.variables.NIXFLEET_CONFIG = lib.mkDefault "/etc/nixfleet/config.json";
    warnings = lib.optional (!hasTrust) (
      "nixfleet.operator: without nixfleet.trust.document every command needs --trust or --pin to recognise the control plane."
    );
  };
}
