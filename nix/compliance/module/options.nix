# Options of compliance on a host, beside those of the controls themselves.
{ lib, ... }:
let
  inherit (lib) mkOption types;
  switch =
    description:
    mkOption {
      type = types.bool;
      default = false;
      inherit description;
    };
  modeWords = [
    "disabled"
    "permissive"
    "observe"
    "report"
    "enforce"
  ];
  mode = mkOption {
    type = types.nullOr (types.enum modeWords);
    default = null;
    description = "What a failure does of a control that this framework covers, in place of `compliance.governance.enforceMode`. Of several frameworks the strongest counts.";
  };
  fact =
    type: description: example:
    mkOption {
      type = types.nullOr type;
      default = null;
      inherit description example;
    };
in
{
  options.compliance = {
    governance = {
      enforceMode = mkOption {
        type = types.enum (modeWords ++ [ "auto" ]);
        default = "permissive";
        description = ''
          What a failing control does. `disabled`: it is not evaluated. `permissive` (also `observe`, `report`): it is reported.
          `enforce`: implementations are applied, and a failure stops a release. `auto`: permissive if something collects.
        '';
        example = "enforce";
      };
      level = mkOption {
        type = types.enum [
          "minimal"
          "standard"
          "strict"
          "paranoid"
        ];
        default = "standard";
        defaultText = lib.literalExpression "the strictest that the frameworks ask for, or \"standard\"";
        description = "Rules above this severity are not active.";
        example = "strict";
      };
      hostType = mkOption {
        type = types.enum [
          "server"
          "workstation"
          "appliance"
        ];
        default = "server";
        description = "What kind of host it is; some rules are for some kinds.";
        example = "workstation";
      };
      architecture = mkOption {
        type = types.str;
        default = "x86_64";
        defaultText = lib.literalExpression "that of the host";
        description = "The host's processor, as Nix names it.";
        example = "aarch64";
      };
      excludes = mkOption {
        type = types.listOf types.str;
        default = [ ];
        description = "Tags of rules that are not active on this host.";
        example = [ "no-ipv6" ];
      };
    };

    frameworks = {
      nis2 = {
        enable = switch "Whether the host is under Directive (EU) 2022/2555 (NIS2).";
        inherit mode;
        entityType = mkOption {
          type = types.enum [
            "essential"
            "important"
          ];
          default = "important";
          description = "What the entity is by Article 3.";
          example = "essential";
        };
      };
      dora = {
        enable = switch "Whether the host is under Regulation (EU) 2022/2554 (DORA).";
        inherit mode;
        regime = mkOption {
          type = types.enum [
            "full"
            "simplified"
            "critical-provider"
          ];
          default = "full";
          description = "`simplified`: Article 16. `critical-provider`: Articles 31 to 44.";
          example = "critical-provider";
        };
        isMarketInfrastructure = switch "Whether the entity is a central counterparty or securities depository: two hours to recover.";
      };
      iso27001 = {
        enable = switch "Whether the host is in the scope of a certification by ISO/IEC 27001:2022.";
        inherit mode;
        certificationScope = mkOption {
          type = types.enum [
            "full"
            "partial"
          ];
          default = "partial";
          description = "Whether all of the organisation is.";
          example = "full";
        };
      };
      anssi = {
        enable = switch "Whether the host follows ANSSI-BP-028 version 2.";
        inherit mode;
        level = mkOption {
          type = types.enum [
            "minimal"
            "intermediary"
            "enhanced"
            "reinforced"
            "high"
          ];
          default = "intermediary";
          description = "The level of hardening; `reinforced` is another word for `enhanced`.";
          example = "enhanced";
        };
        category = mkOption {
          type = types.enum [
            "base"
            "client"
            "server"
          ];
          default = "server";
          description = "What the host is used for.";
          example = "client";
        };
      };
    };

    evidence.collector = {
      enable = mkOption {
        type = types.bool;
        default = false;
        defaultText = lib.literalExpression "whether any control is enabled";
        description = "Whether evidence is collected: after each activation, and regularly.";
        example = true;
      };
      collectIntervalSeconds = mkOption {
        type = types.ints.between 300 604800;
        default = 86400;
        defaultText = lib.literalExpression "the shortest that the frameworks ask for, or a day";
        description = "Seconds between two collections.";
        example = 3600;
      };
      interval = mkOption {
        type = types.str;
        default = "*-*-* 06:00:00";
        defaultText = lib.literalExpression "hourly, or daily at 06:00, by collectIntervalSeconds";
        description = "When to collect, as systemd.time writes it.";
        example = "hourly";
      };
      outputDir = mkOption {
        type = types.str;
        default = "/var/lib/nixfleet-compliance";
        description = "Where evidence is kept.";
        example = "/persist/compliance";
      };
      key = mkOption {
        type = types.str;
        default = "/etc/ssh/ssh_host_ed25519_key";
        defaultText = lib.literalExpression "config.services.nixfleet-agent.key, or that of sshd on a host without an agent";
        description = "The ed25519 key that evidence is signed with: the one that the fleet declares for this host.";
        example = "/persist/ssh_host_ed25519_key";
      };
      publicKeys = mkOption {
        type = types.listOf types.str;
        default = [ ];
        defaultText = lib.literalExpression "what the fleet declares for this host";
        description = "Keys that evidence of this host may be signed with, as OpenSSH writes them; none: its own, which lies beside `key`.";
        example = [ "ssh-ed25519 AAAA…" ];
      };
      retentionDays = mkOption {
        type = types.ints.between 1 3650;
        default = 90;
        description = "Days that evidence stays on the host.";
        example = 365;
      };
    };

    release = {
      evaluatedAt = fact types.ints.unsigned "When it is evaluated, in seconds since 1970; a release passes its own time." 1780300800;
      revision = fact types.str "The commit that the configuration is from." "8b3f0c2d9a1e4f5b6c7d8e9f0a1b2c3d4e5f6a7b";
      isDirty = fact types.bool "Whether something was not committed." false;
      author = fact types.str "Who made the change, as the forge names them." "ada";
      approvals = fact (types.listOf types.str) "Who approved it." [ "grace" ];
      inputs =
        fact (types.attrsOf types.anything)
          "Inputs by name, each with `narHash` and `lastModified`: a flake's own are that."
          (lib.literalExpression "removeAttrs inputs [ \"self\" ]");
      drills =
        fact (types.listOf types.anything)
          "Drills that were recorded: `[ { id, failAt, hosts, passed, endedAt, durationSeconds } ]`, in seconds since 1970."
          [ ];
      advisories =
        fact types.anything
          "Known holes: `{ snapshotAt, findings = [ { id, severity, since } ] }`, in seconds since 1970."
          { snapshotAt = 1780300800; findings = [ ]; };
    };
  };
}
