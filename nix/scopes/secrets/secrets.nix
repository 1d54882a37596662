# What a secrets manager decrypts with on this machine, whichever it is: agenix, sops-nix or another reads
# `nixfleet.secrets.resolvedIdentityPaths`.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.nixfleet.secrets;
in
{
  imports = [ ../../modules/persistence.nix ];

  options.nixfleet.secrets = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the host key is made before sshd starts where it is missing, and kept across a wiped root.";
      example = true;
    };
    identityPaths = {
      hostKey = mkOption {
        type = types.nullOr types.str;
        default = "/etc/ssh/ssh_host_ed25519_key";
        description = "The host's own key, which the fleet declares.";
        example = "/persist/etc/ssh/ssh_host_ed25519_key";
      };
      userKey = mkOption {
        type = types.nullOr types.str;
        default = null;
        description = "A person's key on this machine.";
        example = "/srv/ada/.ssh/id_ed25519";
      };
      extra = mkOption {
        type = types.listOf types.str;
        default = [ ];
        description = "Further keys, tried last.";
        example = [ "/run/keys/recovery" ];
      };
    };
    resolvedIdentityPaths = mkOption {
      type = types.listOf types.str;
      readOnly = true;
      default = lib.filter (path: path != null) [
        cfg.identityPaths.hostKey
        cfg.identityPaths.userKey
      ] ++ cfg.identityPaths.extra;
      defaultText = lib.literalExpression "hostKey, userKey, extra";
      description = "All of them in order, for `age.identityPaths` or `sops.age.sshKeyPaths`; there even when this is off.";
      example = lib.literalExpression "age.identityPaths = config.nixfleet.secrets.resolvedIdentityPaths;";
    };
  };

  config = lib.mkIf (cfg.enable && cfg.identityPaths.hostKey != null) {
    nixfleet.persistence.files = [
      cfg.identityPaths.hostKey
      "${cfg.identityPaths.hostKey}.pub"
    ];
    systemd.services.nixfleet-host-key = {
      description = "Make the host key if it is missing";
      wantedBy = [ "multi-user.target" ];
      before = [ "sshd.service" ];
      unitConfig.ConditionPathExists = "!${cfg.identityPaths.hostKey}";
      serviceConfig = {
        Type = "oneshot";
        ExecStart = "${pkgs.openssh}/bin/ssh-keygen -q -t ed25519 -N \"\" -f ${cfg.identityPaths.hostKey}";
        UMask = "0077";
      };
    };
  };
}
