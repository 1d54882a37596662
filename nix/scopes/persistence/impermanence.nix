# The persistence contract on a btrfs root that is put aside at every boot, with the module of the impermanence project, which
# the configuration has to import: `inputs.impermanence.nixosModules.impermanence`.
{
  config,
  lib,
  options,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  contract = config.nixfleet.persistence;
  cfg = contract.impermanence;
  hasImpermanence = options.environment ? persistence;
in
{
  imports = [ ../../modules/persistence.nix ];

  options.nixfleet.persistence.impermanence = {
    rootDevice = mkOption {
      type = types.str;
      default = "/dev/disk/by-label/root";
      description = "The btrfs file system whose subvolume `@root` is the root.";
      example = "/dev/mapper/root";
    };
    oldRootsRetentionDays = mkOption {
      type = types.ints.positive;
      default = 30;
      description = "How long earlier roots are kept in `old_roots`, in days.";
      example = 7;
    };
  };

  config = lib.mkIf contract.enable (
    lib.mkMerge [
      (lib.optionalAttrs hasImpermanence {
        environment.persistence.${contract.root} = {
          hideMounts = true;
          inherit (contract) directories files;
        };
      })
      {
        fileSystems.${contract.root}.neededForBoot = true;
        boot.initrd.systemd.initrdBin = [
          pkgs.btrfs-progs
          pkgs.findutils
          pkgs.gnused
        ];
        boot.initrd.systemd.services.nixfleet-fresh-root = {
          description = "Put the last root aside and begin with an empty one";
          wantedBy = [ "initrd.target" ];
          after = [ "initrd-root-device.target" ];
          before = [ "sysroot.mount" ];
          unitConfig.DefaultDependencies = false;
          serviceConfig.Type = "oneshot";
          environment = {
            ROOT_DEVICE = cfg.rootDevice;
            RETENTION_DAYS = toString cfg.oldRootsRetentionDays;
          };
          script = builtins.readFile ./fresh-root.sh;
        };
        assertions = [
          {
            assertion = hasImpermanence;
            message = "nixfleet.persistence.enable with the scope persistence.impermanence: import inputs.impermanence.nixosModules.impermanence too, or nothing would be kept.";
          }
          {
            assertion = config.boot.initrd.systemd.enable;
            message = "nixfleet.persistence.impermanence puts the root aside in a unit of the initrd: set boot.initrd.systemd.enable = true;";
          }
        ];
      }
    ]
  );
}
