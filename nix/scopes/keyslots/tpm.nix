# Signing keys in this machine's TPM 2.0, for `nixfleet release` and `nixfleet head sign`: a unit makes each key once and exports
# its public half; a wrapper signs, which a sign hook calls. After the TPM was cleared the unit makes another key, whose new
# public half trust has to name.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.nixfleet.keyslots.tpm;

  program = pkgs.writeScript "tpm-keyslot" (
    ''
      #!${pkgs.runtimeShell}
      PATH=${
        lib.makeBinPath [
          pkgs.tpm2-tools
          pkgs.openssl
          pkgs.coreutils
          pkgs.gnugrep
          pkgs.gnused
        ]
      }
      export PATH
      # The resource manager of the kernel, unless a test says otherwise.
      : "''${TPM2TOOLS_TCTI:=device:/dev/tpmrm0}"
      export TPM2TOOLS_TCTI
    ''
    + builtins.readFile ./tpm-keyslot.sh
  );
  pcrsOf = key: if key.pcrs == [ ] then "none" else "sha256:${lib.concatMapStringsSep "," toString key.pcrs}";
  directoryOf = name: "${cfg.directory}/${name}";
  wrapperOf =
    name: key:
    pkgs.writeScriptBin "tpm-sign-${name}" ''
      #!${pkgs.runtimeShell}
      [ $# -eq 1 ] || { echo "usage: tpm-sign-${name} <file>" >&2; exit 2; }
      exec ${program} sign ${key.handle} ${pcrsOf key} "$1"
    '';
  handles = map (name: lib.toLower cfg.keys.${name}.handle) (lib.attrNames cfg.keys);
in
{
  imports = [ ../../modules/persistence.nix ];

  options.nixfleet.keyslots.tpm = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether signing keys are kept in this machine's TPM.";
      example = true;
    };
    directory = mkOption {
      type = types.str;
      default = "/var/lib/nixfleet-tpm";
      description = "Where public halves are exported to, each in a folder of its key's name: `pubkey.pem`, and `pubkey.raw` (64 bytes, X‖Y).";
      example = "/persist/nixfleet-tpm";
    };
    keys = mkOption {
      type = types.attrsOf (
        types.submodule {
          options.handle = mkOption {
            type = types.strMatching "0x81[0-9a-fA-F]{6}";
            description = "Persistent handle of the owner hierarchy. Each key has its own.";
            example = "0x81010010";
          };
          options.pcrs = mkOption {
            type = types.listOf (types.ints.between 0 23);
            default = [ ];
            description = ''
              Platform configuration registers that must be as they were when the key was made: a machine that booted something
              else does not sign. An update of what they measure, firmware for 0, takes a new key. Empty: none.
            '';
            example = [
              0
              7
            ];
          };
        }
      );
      default = { };
      description = "ECDSA P-256 keys, by name. Each brings the command `tpm-sign-<name> <file>`, which prints 64 raw bytes.";
      example = {
        release.handle = "0x81010010";
      };
    };
  };

  config = lib.mkIf cfg.enable {
    security.tpm2.enable = true;
    environment.systemPackages = lib.mapAttrsToList wrapperOf cfg.keys;
    nixfleet.persistence.directories = [ cfg.directory ];
    systemd.tmpfiles.rules = [ "d ${cfg.directory} 0755 root root - -" ];

    systemd.services = lib.mapAttrs' (
      name: key:
      lib.nameValuePair "nixfleet-tpm-keyslot-${name}" {
        description = "NixFleet signing key ${name} in the TPM";
        wantedBy = [ "multi-user.target" ];
        after = [ "systemd-tmpfiles-setup.service" ];
        # Without the TPM there is nothing to wait for.
        unitConfig.ConditionPathExists = "/dev/tpmrm0";
        serviceConfig = (import ../../modules/settings/hardening.nix) // {
          Type = "oneshot";
          RemainAfterExit = true;
          ExecStart = "${program} provision ${key.handle} ${directoryOf name} ${pcrsOf key}";
          PrivateDevices = false;
          DevicePolicy = "closed";
          DeviceAllow = [ "/dev/tpmrm0 rw" ];
          ReadWritePaths = [ cfg.directory ];
          PrivateNetwork = true;
        };
      }
    ) cfg.keys;

    assertions = [
      {
        assertion = lib.unique handles == handles;
        message = "nixfleet.keyslots.tpm.keys: two keys share a handle: give each its own, from 0x81010000 to 0x8101ffff for instance.";
      }
      {
        assertion = cfg.keys != { };
        message = "nixfleet.keyslots.tpm.keys is empty: name a key and its handle, for instance keys.release.handle = \"0x81010010\";";
      }
    ];
  };
}
