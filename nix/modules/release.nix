# services.nixfleet-release: the hourly job of CI. Says again which release is current, so that a control plane that was
# stolen can hide a newer one no longer than a head lives. Builds and releases are the work of the forge's CI
# (`nixfleet init` writes its workflow).
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.services.nixfleet-release;
  outsideTheStore = import ./settings/outside-the-store.nix lib;

  user = "nixfleet-release";
  stateDirectory = "/var/lib/${user}";
  floors = "${stateDirectory}/floors.json";

  # `%d`: where systemd puts credentials. systemd reads % and $ before the program does.
  forUnit = text: lib.replaceStrings [ "%" "$" ] [ "%%" "$$" ] text;
  headKey =
    if cfg.headKeyHook == null then
      "%d/head-key"
    else
      forUnit "hook:${cfg.headKeyHook.publicKey}:${cfg.headKeyHook.command}";

  headSign =
    extra:
    lib.concatStringsSep " " (
      [
        "${config.nixfleet.package}/bin/nixfleet head sign"
        "--head-key ${builtins.toJSON headKey}"
        "--trust /etc/nixfleet/trust.json"
        "--releases ${builtins.toJSON (forUnit cfg.releases)}"
        "--floors ${floors}"
        "--head-life ${cfg.headLife}"
      ]
      ++ extra
    );

  service = {
    wants = [ "network-online.target" ];
    after = [ "network-online.target" ];
    path = [
      config.programs.git.package
      config.programs.ssh.package
      pkgs.bash
      # For hooks: commands of the system, such as tpm-sign-<name>.
      "/run/current-system/sw"
    ];
    environment.GIT_SSH_COMMAND = lib.mkIf (cfg.gitIdentityFile != null) (
      "ssh -o IdentitiesOnly=yes -o IdentityFile=\"$CREDENTIALS_DIRECTORY/git-identity\""
      + lib.optionalString (cfg.knownHostsFile != null) " -o UserKnownHostsFile=${cfg.knownHostsFile}"
    );
    serviceConfig =
      (import ./settings/hardening.nix)
      // {
        Type = "oneshot";
        User = user;
        Group = user;
        StateDirectory = user;
        StateDirectoryMode = "0700";
        LoadCredential =
          lib.optional (cfg.headKeyFile != null) "head-key:${cfg.headKeyFile}"
          ++ lib.optional (cfg.gitIdentityFile != null) "git-identity:${cfg.gitIdentityFile}";
        TimeoutStartSec = "10min";
      }
      // lib.optionalAttrs cfg.tpm {
        PrivateDevices = false;
        DevicePolicy = "closed";
        DeviceAllow = [ "/dev/tpmrm0 rw" ];
        SupplementaryGroups = [ config.security.tpm2.tssGroup ];
      };
  };
in
{
  imports = [
    ./package.nix
    ./persistence.nix
    ./trust.nix
  ];

  options.services.nixfleet-release = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether this machine signs the head of the fleet's releases, by a timer. It remembers in `${stateDirectory}/floors.json`
        what it signed last, and refuses to begin without: once, and knowing what is published, start
        `nixfleet-head-sign-first-use.service` by hand.
      '';
      example = true;
    };
    releases = mkOption {
      type = types.str;
      default = "";
      description = "Where releases are published: `<git remote>#<branch>`, or a folder.";
      example = "git@git.example.org:fleet.git#releases";
    };
    headKeyFile = mkOption {
      type = types.nullOr types.str;
      default = null;
      description = "The private key of a head signer, handed over by `LoadCredential`.";
      example = "/run/secrets/nixfleet-head.pem";
    };
    headKeyHook = mkOption {
      type = types.nullOr (
        types.submodule {
          options.publicKey = mkOption {
            type = types.path;
            description = "The public half: PEM or an OpenSSH line.";
            example = lib.literalExpression "./trust/head.pub";
          };
          options.command = mkOption {
            type = types.str;
            description = "A shell command that signs the file `$NIXFLEET_INPUT` into `$NIXFLEET_OUTPUT`: 64 raw bytes.";
            example = "tpm-sign-head \"$NIXFLEET_INPUT\" > \"$NIXFLEET_OUTPUT\"";
          };
        }
      );
      default = null;
      description = "A key that no file holds: in a TPM, an HSM or a key management service.";
      example = lib.literalExpression ''{ publicKey = ./trust/head.pub; command = "tpm-sign-head \"$NIXFLEET_INPUT\" > \"$NIXFLEET_OUTPUT\""; }'';
    };
    tpm = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the hook may use this machine's TPM.";
      example = true;
    };
    gitIdentityFile = mkOption {
      type = types.nullOr types.str;
      default = null;
      description = "The ssh key that may push to the branch, handed over by `LoadCredential`.";
      example = "/run/secrets/nixfleet-push-key";
    };
    knownHostsFile = mkOption {
      type = types.nullOr types.path;
      default = null;
      description = "Host keys of the forge, as `ssh-keyscan` prints them. Public.";
      example = lib.literalExpression "./forge-known-hosts";
    };
    headLife = mkOption {
      type = types.strMatching "[1-9][0-9]*[smhd]";
      default = "1d";
      description = "How long a head is valid, 1 hour to 7 days: a night without CI, and no longer than a thief may hide a release.";
      example = "12h";
    };
    startAt = mkOption {
      type = types.str;
      default = "hourly";
      description = "When, as in systemd.time(7).";
      example = "*:0/30";
    };
  };

  config = lib.mkIf cfg.enable {
    users.users.${user} = {
      isSystemUser = true;
      group = user;
      home = stateDirectory;
    };
    users.groups.${user} = { };
    nixfleet.persistence.directories = [
      {
        directory = stateDirectory;
        inherit user;
        group = user;
        mode = "0700";
      }
    ];

    systemd.services.nixfleet-head-sign = lib.recursiveUpdate service {
      description = "Sign a fresh head for the current NixFleet release";
      serviceConfig.ExecStart = headSign [ ];
    };
    systemd.timers.nixfleet-head-sign = {
      wantedBy = [ "timers.target" ];
      timerConfig = {
        OnCalendar = cfg.startAt;
        # After a night in which the machine was off: at once.
        Persistent = true;
        RandomizedDelaySec = "2min";
      };
    };
    systemd.services.nixfleet-head-sign-first-use = lib.recursiveUpdate service {
      description = "Accept what is published as the first thing the signer of NixFleet heads sees";
      unitConfig.ConditionPathExists = "!${floors}";
      serviceConfig.ExecStart = headSign [ "--first-use" ];
    };

    assertions = [
      {
        assertion = config.nixfleet.trust.document != null;
        message = "services.nixfleet-release needs a trust document to start from: set nixfleet.trust.document to the file that `nixfleet trust init --output` wrote.";
      }
      {
        assertion = cfg.releases != "";
        message = "services.nixfleet-release.releases is not set: `<git remote>#<branch>`, or the folder that `nixfleet release` publishes to.";
      }
      {
        assertion = (cfg.headKeyFile == null) != (cfg.headKeyHook == null);
        message = "services.nixfleet-release signs with one key: set either headKeyFile or headKeyHook.";
      }
      {
        assertion = !cfg.tpm || cfg.headKeyHook != null;
        message = "services.nixfleet-release.tpm is for a headKeyHook that uses the TPM: set one, or leave tpm out.";
      }
      (outsideTheStore {
        option = "services.nixfleet-release.headKeyFile";
        file = cfg.headKeyFile;
      })
      (outsideTheStore {
        option = "services.nixfleet-release.gitIdentityFile";
        file = cfg.gitIdentityFile;
      })
    ];
  };
}
